import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";
import type { State } from "../sdk/state.ts";

/** What components need of a client: its state, and to hear of changes. `ChatClient` is one. */
export interface Observable {
  readonly state: State;
  subscribe(listener: () => void): () => void;
}

/**
 * The part of the client's state that `select` picks; the component renders again only when that part changes by `equal`.
 * The state is read while rendering, so that components rendered together never show different states.
 */
export function useClientState<T>(
  client: Observable,
  select: (state: State) => T,
  equal: (a: T, b: T) => boolean = Object.is,
): T {
  const [, render] = useReducer<number, void>((count) => count + 1, 0);
  const shown = useRef<{ value: T; select: (state: State) => T } | null>(null);
  let value = select(client.state);
  // An equal part keeps its identity, so that effects and memos on it stay quiet.
  if (shown.current && equal(shown.current.value, value)) value = shown.current.value;
  shown.current = { value, select };
  useLayoutEffect(() => {
    const compare = () => {
      const held = shown.current;
      if (held && !equal(held.value, held.select(client.state))) render();
    };
    compare(); // it may have changed between rendering and here
    return client.subscribe(compare);
  }, [client]);
  return value;
}

/** For selectors that build a new array each time: equal when all elements are the same. */
export function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}

/** Whether a media query matches, now and from now on. */
export function useMedia(query: string): boolean {
  const [matches, set] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const change = () => set(media.matches);
    change();
    media.addEventListener("change", change);
    return () => media.removeEventListener("change", change);
  }, [query]);
  return matches;
}

/** The clock, ticking every `every` ms; null: it stands still. */
export function useNow(every: number | null): number {
  const [now, set] = useState(() => Date.now());
  useEffect(() => {
    if (every === null) return;
    set(Date.now());
    const timer = setInterval(() => set(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return every === null ? Date.now() : now;
}

/** The callback of the latest render, under one identity: for listeners that are added once. */
export function useLatest<A extends unknown[], R>(callback: (...args: A) => R): (...args: A) => R {
  const latest = useRef(callback);
  latest.current = callback;
  return useRef((...args: A) => latest.current(...args)).current;
}

/**
 * Keeps `--cs-viewport` on `element` at the height that the on-screen keyboard leaves visible. `dvh` is not enough:
 * keyboards of iOS cover the page without resizing it, and scroll it up instead.
 */
export function useVisibleHeight(element: HTMLElement | null): void {
  useEffect(() => {
    const viewport = window.visualViewport;
    if (!element || !viewport) return;
    const fit = () => {
      if (viewport.scale !== 1) return; // zoomed by hand: the layout stays
      element.style.setProperty("--cs-viewport", `${Math.round(viewport.height)}px`);
      element.style.setProperty("--cs-viewport-top", `${Math.max(0, Math.round(viewport.offsetTop))}px`);
    };
    fit();
    viewport.addEventListener("resize", fit);
    viewport.addEventListener("scroll", fit);
    return () => {
      viewport.removeEventListener("resize", fit);
      viewport.removeEventListener("scroll", fit);
      element.style.removeProperty("--cs-viewport");
      element.style.removeProperty("--cs-viewport-top");
    };
  }, [element]);
}
