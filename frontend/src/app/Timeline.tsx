import type { RefObject } from "preact";
import { useImperativeHandle, useMemo, useRef } from "preact/hooks";
import { Virtualizer, type VirtualizerHandle } from "virtua";
import type { MessageId, Outgoing, RoomId } from "../sdk/index.ts";
import { useMe } from "../shell/context.ts";
import { Problem } from "../shell/parts/Problem.tsx";
import { Skeleton } from "../shell/parts/Skeleton.tsx";
import { sameItems, useClientState, useLatest } from "../ui/hooks.ts";
import { useApp } from "./context.ts";
import { EmptyRoom } from "./EmptyRoom.tsx";
import { JumpToLatest } from "./JumpToLatest.tsx";
import { RowView } from "./RowView.tsx";
import { newSince, type Row, timelineRows } from "./timeline.ts";
import { useGrowth, useTimelineScroll } from "./use-timeline-scroll.ts";
import { useUnread } from "./use-unread.ts";

export interface TimelineHandle {
  /** Scrolls to a message, loading older ones as far as needed. */
  jump(message: MessageId): void;
  toEnd(): void;
}

/** Height of what stands above the first row; room.css gives it the same. */
const START_HEIGHT = 56;
/** Drawn above and below what is on screen, in px. */
const BUFFER = 600;
const NONE: readonly never[] = [];

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
  const { id, open } = props;
  const messages = useClientState(client, (state) => state.rooms[id]?.messages ?? NONE);
  const members = useClientState(client, (state) => state.rooms[id]?.members ?? NONE);
  const loaded = useClientState(client, (state) => (state.rooms[id]?.rev ?? null) !== null);
  const from = useClientState(client, (state) => state.rooms[id]?.from ?? 0);
  const title = useClientState(client, (state) => state.rooms[id]?.entry?.title ?? "");
  const read = useClientState(client, (state) => state.rooms[id]?.entry?.read ?? 0);
  const outgoing = useClientState<readonly Outgoing[]>(
    client,
    (state) => state.outgoing.filter((message) => message.room === id),
    sameItems,
  );

  const scroller = useRef<HTMLDivElement>(null);
  const list = useRef<VirtualizerHandle>(null);
  const follows = useRef(true);
  const unread = useUnread(
    id,
    useLatest(() => follows.current),
  );
  const rows = useMemo(
    () => timelineRows({ messages, from, outgoing, me, unread, members }),
    [messages, from, outgoing, me, unread, members],
  );
  const shift = useGrowth(rows);
  const scroll = useTimelineScroll(id, rows, list, follows);
  const { jump, toEnd } = scroll;
  useImperativeHandle(props.handle, () => ({ jump, toEnd }), [jump, toEnd]);

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
        {rows.length === 0 ? (
          loaded ? (
            <EmptyRoom id={id} suggest={props.suggest} />
          ) : (
            <Skeleton label={t("loading")} />
          )
        ) : (
          <>
            <div class="timeline-start">
              {scroll.problem ? (
                <Problem error={scroll.problem} onRetry={scroll.loadOlder} />
              ) : (
                <p role="status">{t(!loaded ? "loading" : from > 0 ? "loadingOlder" : "beginning")}</p>
              )}
            </div>
            <Virtualizer
              ref={list}
              scrollRef={scroller}
              data={rows}
              shift={shift}
              startMargin={START_HEIGHT}
              bufferSize={BUFFER}
              onScroll={scroll.scrolled}
              onResize={scroll.resized}
            >
              {(row: Row) => (
                <RowView
                  key={row.key}
                  row={row}
                  mine={row.kind === "outgoing" || row.message.author.id === me}
                  flash={row.kind === "message" && row.message.id === scroll.flash}
                  editing={row.kind === "message" && row.message.id === props.editing}
                  openSource={row.kind === "message" && open?.message === row.message.id ? open.n : null}
                />
              )}
            </Virtualizer>
          </>
        )}
      </div>
      {scroll.away && <JumpToLatest count={newSince(messages, read, me)} onJump={scroll.toLatest} />}
    </div>
  );
}
