import { useEffect } from "preact/hooks";
import { useMedia } from "../../ui/hooks.ts";

/** Where the panel covers the page; panel.css and launcher.css know the same bounds. */
const PHONE = "(max-width: 520px), (max-height: 420px)";

/** Whether the panel covers the page. While it does and is `open`, the page behind it does not scroll. */
export function useFullScreen(open: boolean): boolean {
  const full = useMedia(PHONE);
  const lock = full && open;
  useEffect(() => {
    if (!lock) return;
    const { style } = document.documentElement;
    const before = style.overflow;
    style.overflow = "hidden";
    return () => {
      style.overflow = before;
    };
  }, [lock]);
  return full;
}

const FOCUSABLE = 'button:not(:disabled), textarea, a[href], input, [tabindex="0"]';

/** Keeps Tab within what covers everything else. */
export function trapTab(event: KeyboardEvent, panel: HTMLElement): void {
  if (event.key !== "Tab") return;
  const stops = [...panel.querySelectorAll<HTMLElement>(FOCUSABLE)].filter((one) => one.offsetParent !== null);
  const [from, to] = event.shiftKey ? [stops[0], stops.at(-1)] : [stops.at(-1), stops[0]];
  if ((panel.getRootNode() as ShadowRoot).activeElement !== from) return;
  event.preventDefault();
  to?.focus();
}
