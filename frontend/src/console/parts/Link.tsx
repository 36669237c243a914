import type { ComponentChildren } from "preact";
import { useConsole } from "../context.ts";
import { pathOf, type Route } from "../route.ts";

/** A link within the console, which opens without loading the page anew. */
export function Link(props: {
  to: Route;
  class?: string;
  /** Where one is now. */
  current?: boolean;
  children: ComponentChildren;
}) {
  const { base, navigate } = useConsole();
  return (
    <a
      class={props.class}
      href={pathOf(props.to, base)}
      aria-current={props.current ? "page" : undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return; // another tab or window
        event.preventDefault();
        navigate(props.to);
      }}
    >
      {props.children}
    </a>
  );
}
