import type { RefObject } from "preact";
import { useEffect, useImperativeHandle, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Virtualizer, type VirtualizerHandle } from "virtua";
import type { MessageId, Outgoing, RoomId } from "../sdk/index.ts";
import { sameItems, useClientState, useLatest } from "../ui/hooks.ts";
import { useApp, useMe } from "./context.ts";
import { EmptyRoom } from "./EmptyRoom.tsx";
import { JumpToLatest } from "./JumpToLatest.tsx";
import { Problem } from "./parts/Problem.tsx";
import { Skeleton } from "./RoomList.tsx";
import { RowView } from "./RowView.tsx";
import { newSince, type Row, timelineRows, type Unread } from "./timeline.ts";

/** Nearer to the end than this, one reads along, in px. */
const AT_END = 40;
/** Nearer to the beginning than this, older messages are loaded, in px. */
const NEAR_START = 800;
/** Beyond this, what one has scrolled past is forgotten once one is back at the end. */
const KEPT = 300;
/** How far back a jump looks for its message, in pages. */
const JUMP_PAGES = 40;
const FLASH_MS = 1600;

export interface TimelineHandle {
  /** Scrolls to a message, loading older ones as far as needed. */
  jump(message: MessageId): void;
  toEnd(): void;
}

const NO_MESSAGES: readonly never[] = [];

/** The messages of a room: only those on screen are in the page, and history grows upwards without a jump. */
export function Timeline(props: {
  id: RoomId;
  handle: RefObject<TimelineHandle | null>;
  editing: MessageId | null;
  /** The source that is open beside. */
  open: { message: MessageId; n: number } | null;
  suggest(text: string): void;
}) {
  const { client, t } = useApp();
  const me = useMe()?.id ?? null;
  const { id } = props;
  const messages = useClientState(client, (state) => state.rooms[id]?.messages ?? NO_MESSAGES);
  const members = useClientState(client, (state) => state.rooms[id]?.members ?? NO_MESSAGES);
  const loaded = useClientState(client, (state) => (state.rooms[id]?.rev ?? null) !== null);
  const from = useClientState(client, (state) => state.rooms[id]?.from ?? 0);
  const older = from > 0;
  const title = useClientState(client, (state) => state.rooms[id]?.entry?.title ?? "");
  const outgoing = useClientState<readonly Outgoing[]>(
    client,
    (state) => state.outgoing.filter((message) => message.room === id),
    sameItems,
  );
  const [unread, setUnread] = useUnreadAtOpening(id);

  const rows = useMemo(
    () => timelineRows({ messages, from, outgoing, me, unread, members }),
    [messages, from, outgoing, me, unread, members],
  );
  const shift = useGrowth(rows);

  const scroller = useRef<HTMLDivElement>(null);
  const list = useRef<VirtualizerHandle>(null);
  /** One reads along at the end: what arrives keeps the end in sight. */
  const follows = useRef(true);
  /** Where it was scrolled to. */
  const before = useRef(0);
  const opened = useRef(false);
  const [away, setAway] = useState(false);
  const [seen, setSeen] = useState(0);
  const [flash, setFlash] = useState<MessageId | null>(null);
  const [problem, setProblem] = useState<unknown>(null);

  const toEnd = useLatest(() => {
    follows.current = true;
    setAway(false);
    list.current?.scrollToIndex(rows.length - 1, { align: "end" });
  });

  /** What is on screen has been read, as long as somebody may be looking. */
  const markRead = useLatest(() => {
    if (document.visibilityState !== "visible" || !list.current) return;
    if (follows.current) {
      client.read(id);
      return;
    }
    const last = rows[list.current.findItemIndex(list.current.scrollOffset + list.current.viewportSize - 8)];
    if (last?.kind === "message") client.read(id, last.message.seq);
  });

  const loadOlder = useLatest(async () => {
    try {
      setProblem(null);
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
    if (atEnd) follows.current = true;
    else if (follows.current) {
      // What grows moves the end away, and is followed; only a person moves upwards.
      if (!upwards) return;
      follows.current = false;
      setSeen(messages.at(-1)?.seq ?? 0);
    }
    setAway(!atEnd);
    if (offset < NEAR_START && older && !problem) void loadOlder();
    markRead();
  });

  /** Sizes are known, or have changed. */
  const settled = useLatest(() => {
    if (!opened.current || !list.current) return;
    if (follows.current) toEnd();
    else scrolled(list.current.scrollOffset);
  });

  // Opening the room: to the first unread message, or to the end.
  useLayoutEffect(() => {
    if (opened.current || rows.length === 0 || !loaded) return;
    opened.current = true;
    const first = rows.findIndex((row) => row.fresh);
    if (first < 0) toEnd();
    else {
      follows.current = false;
      list.current?.scrollToIndex(first, { align: "start", offset: -48 });
    }
  }, [rows, loaded]);

  useLayoutEffect(() => {
    if (opened.current && follows.current) toEnd();
    markRead();
  }, [rows, toEnd, markRead]);

  useEffect(() => {
    const changed = () => {
      if (document.visibilityState === "visible") markRead();
      // What arrives while nobody looks is below the line on return.
      else if (follows.current)
        setUnread({ after: client.state.rooms[id]?.entry?.read ?? 0, upTo: Number.MAX_SAFE_INTEGER });
    };
    document.addEventListener("visibilitychange", changed);
    return () => document.removeEventListener("visibilitychange", changed);
  }, [client, id, markRead]);

  const flashTimer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(flashTimer.current), []);

  const jump = useLatest(async (target: MessageId) => {
    const find = () => client.state.rooms[id]?.messages.findIndex((message) => message.id === target) ?? -1;
    try {
      for (let page = 0; find() < 0 && client.state.rooms[id]?.from !== 0 && page < JUMP_PAGES; page++) {
        await client.loadOlder(id);
      }
    } catch (error) {
      setProblem(error);
      return;
    }
    // The rows of what was loaded just now are drawn first.
    requestAnimationFrame(() => {
      const index = find();
      if (index < 0) return;
      follows.current = false;
      list.current?.scrollToIndex(index, { align: "center" });
      setFlash(target);
      clearTimeout(flashTimer.current);
      flashTimer.current = setTimeout(() => setFlash(null), FLASH_MS);
    });
  });

  useImperativeHandle(props.handle, () => ({ jump, toEnd }), [jump, toEnd]);

  function toLatest() {
    client.trim(id, KEPT);
    toEnd();
  }

  const fresh = away ? newSince(messages, seen, me) : 0;
  return (
    <div class="timeline">
      <div
        ref={scroller}
        id="messages"
        class="scroller"
        role="log"
        aria-label={t("messages", { room: title })}
        // An answer changes many times a second; Announcer.tsx says what is worth hearing.
        aria-live="off"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling area has to be reachable by keyboard
        tabIndex={0}
      >
        {!loaded ? (
          <Skeleton label={t("loading")} />
        ) : rows.length === 0 ? (
          <EmptyRoom id={id} suggest={props.suggest} />
        ) : (
          <>
            <div class="timeline-start">
              {problem ? (
                <Problem error={problem} onRetry={loadOlder} />
              ) : (
                <p role="status">{older ? t("loadingOlder") : t("beginning")}</p>
              )}
            </div>
            <Virtualizer
              ref={list}
              scrollRef={scroller}
              data={rows}
              shift={shift}
              startMargin={START_HEIGHT}
              bufferSize={600}
              onScroll={scrolled}
              onResize={settled}
            >
              {(row: Row) => (
                <RowView
                  key={row.key}
                  row={row}
                  mine={row.kind === "outgoing" || row.message.author.id === me}
                  flash={row.kind === "message" && row.message.id === flash}
                  editing={row.kind === "message" && row.message.id === props.editing}
                  openSource={row.kind === "message" && props.open?.message === row.message.id ? props.open.n : null}
                />
              )}
            </Virtualizer>
          </>
        )}
      </div>
      {away && <JumpToLatest count={fresh} onJump={toLatest} />}
    </div>
  );
}

/** Height of what stands above the first row; room.css gives it the same. */
const START_HEIGHT = 56;

/** What was unread when the room was opened, once that is known: the line above the first of it stays there. */
function useUnreadAtOpening(id: RoomId): [Unread | null, (unread: Unread) => void] {
  const { client } = useApp();
  const entry = useClientState(client, (state) => state.rooms[id]?.entry ?? null);
  const [unread, set] = useState<Unread | null>(null);
  if (unread === null && entry !== null) {
    const opening = { after: entry.read ?? 0, upTo: entry.rev };
    set(opening);
    return [opening, set];
  }
  return [unread, set];
}

/** Whether, since the last rendering, rows came or went at the beginning: then what is on screen is held from the end. */
function useGrowth(rows: readonly Row[]): boolean {
  const before = useRef<readonly Row[]>(rows);
  const held = useRef(false);
  if (before.current !== rows) {
    const [was, is] = [before.current, rows];
    held.current = was.length > 0 && is.length > 0 && was[0]?.key !== is[0]?.key && was.at(-1)?.key === is.at(-1)?.key;
    before.current = rows;
  }
  return held.current;
}
