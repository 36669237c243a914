import type { ComponentChildren } from "preact";

/** The top of a page: what it is, what it is for, and what one can do. */
export function Heading(props: { title: string; lead?: ComponentChildren; children?: ComponentChildren }) {
  return (
    <header class="page-head">
      <div class="page-head-words">
        <h1>{props.title}</h1>
        {props.lead && <p class="page-lead">{props.lead}</p>}
      </div>
      {props.children && <div class="page-actions">{props.children}</div>}
    </header>
  );
}
