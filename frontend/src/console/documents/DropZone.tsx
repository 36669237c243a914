import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useLatest } from "../../ui/hooks.ts";
import { Upload } from "../../ui/icons.tsx";
import { useConsole } from "../context.ts";
import { filesOf, holdsFiles, type LocalFile } from "./files.ts";
import { QUEUE_MAX } from "./uploads.ts";

/** Files may be dropped anywhere on the page; what is below says so while they are held over it. */
export function DropZone(props: {
  onFiles(files: readonly LocalFile[]): void;
  /** What was dropped cannot be read. */
  onUnread(): void;
  children: ComponentChildren;
}) {
  const { t } = useConsole();
  const [over, setOver] = useState(false);
  const take = useLatest(props.onFiles);
  const unread = useLatest(props.onUnread);
  /** Entering a child comes before leaving its parent. */
  const depth = useRef(0);
  useEffect(() => {
    const move = (by: number) => (event: DragEvent) => {
      if (!holdsFiles(event.dataTransfer)) return;
      event.preventDefault();
      depth.current = Math.max(0, depth.current + by);
      setOver(depth.current > 0);
    };
    const drop = async (event: DragEvent) => {
      const transfer = event.dataTransfer;
      if (!transfer || !holdsFiles(transfer)) return;
      event.preventDefault(); // the browser would open the file in place of the page
      depth.current = 0;
      setOver(false);
      if (document.querySelector("dialog[open]")) return;
      // One more than there is place for, so that what is left out is noticed.
      await filesOf(transfer, QUEUE_MAX + 1).then(take, unread);
    };
    const listeners = [
      ["dragenter", move(1)],
      ["dragover", move(0)],
      ["dragleave", move(-1)],
      ["drop", drop],
    ] as const;
    for (const [type, listener] of listeners) addEventListener(type, listener as EventListener);
    return () => {
      for (const [type, listener] of listeners) removeEventListener(type, listener as EventListener);
    };
  }, []);
  return (
    <>
      {props.children}
      {over && (
        <div class="drop-here" aria-hidden="true">
          <Upload />
          <p>{t("dropHere")}</p>
        </div>
      )}
    </>
  );
}
