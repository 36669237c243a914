import { useEffect, useRef } from "preact/hooks";
import { hasOlder, type Message, type Outgoing, pendingAnswers } from "../../sdk/index.ts";
import { sameItems } from "../../ui/hooks.ts";
import { Down } from "../../ui/icons.tsx";
import { dayLabel, sameDay } from "../../ui/time.ts";
import { useHere, useVisit } from "../panel/here.ts";
import { useAnnouncements } from "./announcements.ts";
import { Greeting } from "./Greeting.tsx";
import { MessageEntry } from "./MessageEntry.tsx";
import { OutgoingEntry } from "./OutgoingEntry.tsx";
import { useStick } from "./stick.ts";
import { Typing } from "./Typing.tsx";
import { useTexts } from "./texts.ts";

const NONE: readonly never[] = [];
/** So close to the top, older messages are fetched, in px. */
const NEAR_TOP = 200;
/** What stays loaded while nobody scrolls back. */
const KEEP = 200;

/** What was said in the conversation on screen. `read`: it is in front of somebody's eyes. */
export function Log({ read }: { read: boolean }) {
  const { visit } = useHere();
  const t = useTexts();
  const messages = useVisit((visit) => visit.room?.messages ?? NONE);
  const outgoing = useVisit(
    (visit, state) => state.outgoing.filter(({ room }) => room === visit.roomId),
    sameItems,
  ) as readonly Outgoing[];
  const waiting = useVisit((visit) => visit.waiting);
  const older = useVisit((visit) => !!visit.room && hasOlder(visit.room));
  const loading = useVisit((visit) => visit.room?.loading ?? false);
  const list = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  useAnnouncements();
  const stick = useStick(list, content, messages[0]?.id);

  const last = messages.at(-1)?.seq;
  // An answer is read when it is whole: who closes the panel before that wants to be told of it.
  const whole = (messages.find(({ status }) => status === "pending")?.seq ?? (last ?? 0) + 1) - 1;
  useEffect(() => {
    if (read && stick.atEnd && visit.roomId && whole > 0) visit.client.read(visit.roomId, whole);
    if (stick.atEnd && visit.roomId && messages.length > 2 * KEEP) visit.client.trim(visit.roomId, KEEP);
  }, [read, stick.atEnd, last, whole]);
  // One's own message is where one wants to be.
  useEffect(() => {
    if (outgoing.length + waiting.length > 0) stick.toEnd();
  }, [outgoing.length, waiting.length]);

  function onScroll() {
    const near = (list.current?.scrollTop ?? 0) < NEAR_TOP;
    if (near && older && !loading && visit.roomId) visit.client.loadOlder(visit.roomId).catch(() => {}); // the next scroll asks again
  }

  const room = visit.room;
  const empty = messages.length + outgoing.length + waiting.length === 0;
  return (
    <div class="log-frame">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keyboard. */}
      <div ref={list} class="log" role="log" aria-live="off" aria-label={t("log")} tabIndex={0} onScroll={onScroll}>
        <div ref={content} class="log-content">
          {older ? <p class="older">{loading && t("older")}</p> : <Greeting suggest={empty} />}
          {messages.map((message, index) => (
            <Day key={message.id} message={message} before={messages[index - 1]}>
              <MessageEntry message={message} last={message.seq === last} />
            </Day>
          ))}
          {outgoing.map((message) => (
            <OutgoingEntry key={message.cid} message={message} />
          ))}
          {waiting.map((text, index) => (
            <OutgoingEntry key={index} message={{ text }} />
          ))}
          {room && pendingAnswers(room).length === 0 && <Typing />}
        </div>
      </div>
      {stick.far && (
        <button
          type="button"
          class="newest cs-icon-button"
          aria-label={t("newest")}
          title={t("newest")}
          onClick={stick.toEnd}
        >
          <Down />
        </button>
      )}
    </div>
  );
}

/** A message, below its day when it is the first of one. */
function Day(props: { message: Message; before: Message | undefined; children: preact.ComponentChildren }) {
  const t = useTexts();
  const day = new Date(props.message.created);
  const first = props.before !== undefined && !sameDay(new Date(props.before.created), day);
  return (
    <>
      {first && <p class="day">{dayLabel(day, new Date(), t.locale)}</p>}
      {props.children}
    </>
  );
}
