import type { ComponentChildren } from "preact";

/** A small button that shows an icon; `label` is its name, and what one reads when one points at it. */
export function SmallButton(props: {
  label: string;
  onClick(): void;
  /** Of a button that stays down. */
  pressed?: boolean;
  class?: string;
  children: ComponentChildren;
}) {
  return (
    <button
      type="button"
      class={props.class ? `cs-icon-button ${props.class}` : "cs-icon-button"}
      data-size="sm"
      aria-label={props.label}
      title={props.label}
      aria-pressed={props.pressed}
      onClick={props.onClick}
    >
      {props.children}
    </button>
  );
}
