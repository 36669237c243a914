import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Close } from "../ui/icons.tsx";
import { useApp } from "./context.ts";

/** Beside the room, or over it where there is no place; takes the focus and gives it back. */
export function SidePanel(props: {
  title: string;
  onClose(): void;
  tools?: ComponentChildren;
  children: ComponentChildren;
}) {
  const { t } = useApp();
  const title = useId();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    heading.current?.focus();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <aside class="panel" aria-labelledby={title}>
      <header class="panel-head">
        <h2 id={title} ref={heading} tabIndex={-1}>
          {props.title}
        </h2>
        {props.tools}
        <button type="button" class="cs-icon-button" aria-label={t("close")} title={t("close")} onClick={props.onClose}>
          <Close />
        </button>
      </header>
      <div class="panel-body">{props.children}</div>
    </aside>
  );
}
