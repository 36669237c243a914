import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

/** This close to the end counts as at the end, in px. */
const NEAR = 48;
/** This far from it, a way back is of use. */
const FAR = 240;

export interface Stick {
  /** The end is in view; new text keeps it there. */
  readonly atEnd: boolean;
  readonly far: boolean;
  toEnd(): void;
}

/**
 * Keeps `list` at its end while `content` grows, until somebody scrolls up; and where it is when older messages come in above
 * (`first` then changes), or when the list was hidden or taken off the page for a while.
 */
export function useStick(
  list: RefObject<HTMLElement | null>,
  content: RefObject<HTMLElement | null>,
  first: unknown,
): Stick {
  const [atEnd, setAtEnd] = useState(true);
  const [far, setFar] = useState(false);
  /** The distance of the view's top from the content's end, which growth at the top does not change. */
  const place = useRef({ end: true, fromEnd: 0 });

  const restore = () => {
    const element = list.current;
    if (!element) return;
    const { end, fromEnd } = place.current;
    element.scrollTop = end ? element.scrollHeight : element.scrollHeight - fromEnd;
  };

  useEffect(() => {
    const element = list.current;
    if (!element || !content.current) return;
    let height = 0;
    const scrolled = () => {
      if (element.clientHeight === 0) return;
      const fromEnd = element.scrollHeight - element.scrollTop;
      const end = fromEnd - element.clientHeight < NEAR;
      place.current = { end, fromEnd };
      setAtEnd(end);
      setFar(fromEnd - element.clientHeight > FAR);
    };
    const resized = new ResizeObserver(() => {
      const back = height === 0;
      height = element.clientHeight;
      if (height > 0 && (back || place.current.end)) restore();
    });
    resized.observe(element);
    resized.observe(content.current);
    element.addEventListener("scroll", scrolled, { passive: true });
    return () => {
      resized.disconnect();
      element.removeEventListener("scroll", scrolled);
    };
  }, []);

  useLayoutEffect(restore, [first]);

  return {
    atEnd,
    far,
    toEnd() {
      place.current = { end: true, fromEnd: 0 };
      setAtEnd(true);
      setFar(false);
      restore();
    },
  };
}
