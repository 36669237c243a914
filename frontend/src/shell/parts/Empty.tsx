import type { ComponentChildren } from "preact";

/** In place of content that is not there: what it would be, and the next step. */
export function Empty(props: { icon: ComponentChildren; title: string; lead?: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <span class="empty-icon">{props.icon}</span>
      <h2>{props.title}</h2>
      {props.lead && <p>{props.lead}</p>}
      {props.children && <div class="empty-steps">{props.children}</div>}
    </div>
  );
}
