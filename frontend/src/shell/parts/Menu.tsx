import type { ComponentChildren } from "preact";
import { useId, useRef, useState } from "preact/hooks";
import { Check } from "../../ui/icons.tsx";

export interface MenuItem {
  readonly label: string;
  readonly hint?: string | undefined;
  readonly icon?: ComponentChildren;
  /** One of several choices: whether it is the present one. */
  readonly checked?: boolean;
  readonly danger?: boolean;
  onSelect(): void;
}

export interface MenuSection {
  readonly title?: string;
  readonly items: readonly MenuItem[];
}

const GAP = 4;

/** A button that opens a menu in the browser's top layer, where no scrolling area cuts it off. */
export function Menu(props: {
  /** Names the menu, and the button. */
  label: string;
  /** The button shows words, which begin its name. */
  worded?: boolean;
  class: string;
  children: ComponentChildren;
  sections: readonly MenuSection[];
  size?: "sm";
}) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const menu = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);

  const items = () => [...(menu.current?.querySelectorAll<HTMLElement>("[role^=menuitem]") ?? [])];
  const focusItem = (index: number) => items().at(index)?.focus();

  function place() {
    const around = button.current?.getBoundingClientRect();
    const popup = menu.current;
    if (!around || !popup) return;
    const { offsetWidth: width, offsetHeight: height } = popup;
    const below = around.bottom + GAP + height <= innerHeight || around.top < height + GAP;
    const left = around.left + width <= innerWidth - GAP ? around.left : around.right - width;
    popup.style.left = `${Math.max(GAP, left)}px`;
    popup.style.top = `${Math.max(GAP, below ? Math.min(around.bottom + GAP, innerHeight - height - GAP) : around.top - GAP - height)}px`;
  }

  function onToggle(event: Event) {
    if ((event as ToggleEvent).newState !== "open") return;
    place();
    const checked = items().findIndex((item) => item.getAttribute("aria-checked") === "true");
    focusItem(Math.max(0, checked));
  }

  function onKeyDown(event: KeyboardEvent) {
    const all = items();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      all.at(to % all.length)?.focus();
    } else if (event.key === "Tab" || event.key === "Escape") {
      if (event.key === "Escape") event.stopPropagation();
      menu.current?.hidePopover();
    }
  }

  return (
    <>
      <button
        ref={button}
        type="button"
        class={props.class}
        data-size={props.size}
        aria-label={props.worded ? undefined : props.label}
        title={props.label}
        aria-haspopup="menu"
        aria-expanded={open}
        popovertarget={id}
      >
        {props.children}
        {props.worded && <span class="cs-hidden">: {props.label}</span>}
      </button>
      <div
        ref={menu}
        id={id}
        class="menu"
        role="menu"
        aria-label={props.label}
        popover="auto"
        // What is in it is made when it opens: a list of messages has a menu per row.
        onBeforeToggle={(event: Event) => setOpen((event as ToggleEvent).newState === "open")}
        onToggle={onToggle}
        onKeyDown={onKeyDown}
      >
        {(open ? props.sections : []).map((section, index) => (
          <fieldset key={index} class="menu-section" aria-label={section.title}>
            {section.title && (
              <div class="menu-title" aria-hidden="true">
                {section.title}
              </div>
            )}
            {section.items.map((item) => (
              <button
                key={item.label}
                type="button"
                class="menu-item"
                {...roleOf(item)}
                data-danger={item.danger || undefined}
                tabIndex={-1}
                onClick={() => {
                  menu.current?.hidePopover();
                  item.onSelect();
                }}
              >
                <span class="menu-icon">{item.checked ? <Check /> : item.icon}</span>
                <span class="menu-label">
                  {item.label}
                  {item.hint && <small>{item.hint}</small>}
                </span>
              </button>
            ))}
          </fieldset>
        ))}
      </div>
    </>
  );
}

function roleOf({ checked }: MenuItem) {
  if (checked === undefined) return { role: "menuitem" } as const;
  return { role: "menuitemradio", "aria-checked": checked } as const;
}
