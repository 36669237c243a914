import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { VirtualizerHandle } from "virtua";
import type { MessageId, RoomId } from "../sdk/index.ts";
import { useLatest } from "../ui/hooks.ts";
import { useApp } from "./context.ts";
import type { Row } from "./timeline.ts";

/** Nearer to the end than this, one reads along, in px. */
const AT_END = 40;
/** Nearer to the beginning than this, older messages are loaded, in px. */
const NEAR_START = 800;
/** Beyond this, what one has scrolled past is forgotten on the way back to the end. */
const KEPT = 300;
/** How far back a jump looks for its message, in pages. */
const JUMP_PAGES = 400;
const FLASH_MS = 1600;
/** Above the line of what is new, something of what was read before stays in sight, in px. */
const ABOVE_LINE = 48;

export interface TimelineScroll {
  /** Not at the end. */
  readonly away: boolean;
  /** It was just jumped to. */
  readonly flash: MessageId | null;
  /** Why older messages could not be loaded. */
  readonly problem: unknown;
  loadOlder(): void;
  toEnd(): void;
  /** To the end from far above: what was loaded on the way up is forgotten. */
  toLatest(): void;
  /** Scrolls to a message, loading older ones as far as needed. */
  jump(message: MessageId): void;
  /** For the list: the offset has changed; sizes are known, or have changed. */
  scrolled(offset: number): void;
  resized(): void;
}

/**
 * Where in a room one is: at the end, reading along, or somewhere above. `follows` is the first of the two; what is on
 * screen has been read.
 */
export function useTimelineScroll(
  id: RoomId,
  rows: readonly Row[],
  list: RefObject<VirtualizerHandle | null>,
  follows: { current: boolean },
): TimelineScroll {
  const { client } = useApp();
  const before = useRef(0);
  const opened = useRef(false);
  const [away, setAway] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);
  const [flash, setFlash] = useFlash();

  const toEnd = useLatest(() => {
    follows.current = true;
    setAway(false);
    list.current?.scrollToIndex(rows.length - 1, { align: "end" });
  });

  /** As long as somebody may be looking. */
  const markRead = useLatest(() => {
    const now = list.current;
    if (document.visibilityState !== "visible" || !now) return;
    if (follows.current) return client.read(id);
    const last = rows[now.findItemIndex(now.scrollOffset + now.viewportSize - 1)];
    if (last?.kind === "message") client.read(id, last.message.seq);
  });

  const loadOlder = useLatest(async () => {
    setProblem(null);
    try {
      await client.loadOlder(id);
    } catch (error) {
      setProblem(error);
    }
  });

  const scrolled = useLatest((offset: number) => {
    const now = list.current;
    if (!now) return;
    const atEnd = offset + now.viewportSize >= now.scrollSize - AT_END;
    const upwards = offset < before.current;
    before.current = offset;
    // What grows moves the end away, and is followed; only a person moves upwards.
    if (follows.current && !atEnd && !upwards) return;
    follows.current = atEnd;
    setAway(!atEnd);
    if (offset < NEAR_START && !problem) void loadOlder();
    markRead();
  });

  const resized = useLatest(() => {
    if (!opened.current || !list.current) return;
    if (follows.current) toEnd();
    else scrolled(list.current.scrollOffset);
  });

  useLayoutEffect(() => {
    if (rows.length === 0 || !list.current) return;
    const first = opened.current ? -1 : rows.findIndex((row) => row.fresh);
    opened.current = true;
    if (first >= 0) {
      follows.current = false;
      list.current.scrollToIndex(first, { align: "start", offset: -ABOVE_LINE });
    } else if (follows.current) toEnd();
    markRead();
  }, [rows]);

  useEffect(() => {
    document.addEventListener("visibilitychange", markRead);
    return () => document.removeEventListener("visibilitychange", markRead);
  }, [markRead]);

  const jump = useLatest(async (target: MessageId) => {
    const find = () => client.state.rooms[id]?.messages.findIndex((message) => message.id === target) ?? -1;
    for (let page = 0; find() < 0 && page < JUMP_PAGES && client.state.rooms[id]?.from; page++) {
      const { from } = client.state.rooms[id];
      await loadOlder();
      if (client.state.rooms[id]?.from === from) return; // it failed, or is under way already
    }
    // The rows of what was loaded just now are drawn first.
    requestAnimationFrame(() => {
      const index = find();
      if (index < 0) return;
      follows.current = false;
      list.current?.scrollToIndex(index, { align: "center" });
      setFlash(target);
    });
  });

  const toLatest = useLatest(() => {
    client.trim(id, KEPT);
    toEnd();
  });

  return { away, flash, problem, loadOlder, toEnd, toLatest, jump, scrolled, resized };
}

/** A message that is pointed out for a moment. */
function useFlash(): [MessageId | null, (message: MessageId) => void] {
  const [flash, set] = useState<MessageId | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const show = useLatest((message: MessageId) => {
    set(message);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => set(null), FLASH_MS);
  });
  return [flash, show];
}

/** Whether, since the last rendering, rows came or went at the beginning: then what is on screen is held from the end. */
export function useGrowth(rows: readonly Row[]): boolean {
  const before = useRef<readonly Row[]>(rows);
  const held = useRef(false);
  if (before.current !== rows) {
    const [was, is] = [before.current, rows];
    held.current = was.length > 0 && is.length > 0 && was[0]?.key !== is[0]?.key && was.at(-1)?.key === is.at(-1)?.key;
    before.current = rows;
  }
  return held.current;
}
