import { useEffect, useState } from "preact/hooks";
import { useShell } from "../../shell/context.ts";
import { useLatest } from "../../ui/hooks.ts";
import type { Registered } from "../types.ts";
import type { LocalFile } from "./files.ts";
import { type Upload, UploadQueue } from "./uploads.ts";

/** The queue of this page. `received` hears of each file that has arrived. */
export function useUploads(received: (upload: Upload<LocalFile>) => void) {
  const { session } = useShell();
  const [queue] = useState(
    () =>
      new UploadQueue<LocalFile>(({ file, collection }, sent, signal) => {
        const form = new FormData();
        // Fields before the file: a server that reads as it comes knows them by then.
        if (collection) form.set("collection", collection);
        if (file.path) form.set("path", file.path);
        form.set("file", file.data, file.name);
        return session.upload<Registered>("documents", form, sent, signal);
      }),
  );
  const [uploads, setUploads] = useState(queue.uploads);
  const arrived = useLatest(received);
  useEffect(() => {
    const told = new Set<number>();
    const leave = queue.subscribe(() => {
      setUploads(queue.uploads);
      for (const upload of queue.uploads) {
        if (upload.status !== "received" || told.has(upload.key)) continue;
        told.add(upload.key);
        arrived(upload);
      }
    });
    // Closing the page would lose what is not sent yet: the browser asks first.
    const closing = (event: BeforeUnloadEvent) => {
      if (queue.uploads.some(({ status }) => status === "waiting" || status === "sending")) event.preventDefault();
    };
    addEventListener("beforeunload", closing);
    return () => {
      leave();
      removeEventListener("beforeunload", closing);
      queue.stop();
    };
  }, [queue]);
  return { queue, uploads };
}
