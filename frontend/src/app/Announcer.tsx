import { useEffect, useRef, useState } from "preact/hooks";
import type { Message, Room, RoomId } from "../sdk/index.ts";
import { spoken } from "../ui/spoken.ts";
import { Reading } from "./announce.ts";
import { useApp } from "./context.ts";

/** Screen readers get what has gathered in this time at once, in ms. */
const BATCH_MS = 1500;
const LONGEST = 300;

/**
 * Tells screen readers what arrives in the open room, apart from the messages themselves: an answer changes many times a
 * second, and would be read token by token.
 */
export function Announcer({ id }: { id: RoomId }) {
  const { client, t } = useApp();
  const [said, setSaid] = useState("");
  const waiting = useRef<string[]>([]);

  useEffect(() => {
    const readings = new Map<string, Reading>();
    let timer: ReturnType<typeof setTimeout> | null = null;
    const say = (text: string) => {
      if (text === "") return;
      waiting.current.push(text);
      timer ??= setTimeout(() => {
        timer = null;
        setSaid(waiting.current.splice(0).join(" "));
      }, BATCH_MS);
    };

    function heard(room: Room, before: Room): void {
      const me = client.state.user?.id;
      for (const message of room.messages.slice(-20)) {
        const known = before.messages.findLast(({ id: other }) => other === message.id);
        if (known === message) continue;
        if (message.author.kind === "assistant") ended(message, known);
        else if (!known && message.author.id !== me && message.seq > (before.messages.at(-1)?.seq ?? 0)) {
          say(t("saidBy", { name: message.author.name, text: message.text.slice(0, LONGEST) }));
        }
      }
      for (const [answer, live] of Object.entries(room.answers)) {
        if (before.answers[answer] === live || live.text === "") continue;
        say(readingOf(answer).next(live.text, live.attempt, false));
      }
    }

    function ended(message: Message, known: Message | undefined): void {
      if (known?.status !== "pending" || message.status === "pending") return;
      const rest = readings.has(message.id) ? readingOf(message.id).next(message.text, message.attempt ?? 0, true) : "";
      readings.delete(message.id);
      const how = {
        complete: "answerEnds",
        stopped: "answerStopped",
        failed: "answerFailed",
        deleted: "deleted",
      } as const;
      say(`${rest || (message.status === "complete" ? spoken(message.text) : "")} ${t(how[message.status])}`.trim());
    }

    function readingOf(answer: string): Reading {
      const reading = readings.get(answer) ?? new Reading();
      if (!readings.has(answer)) say(t("answerBegins"));
      readings.set(answer, reading);
      return reading;
    }

    const leave = client.subscribe((state, previous) => {
      const [room, before] = [state.rooms[id], previous.rooms[id]];
      // What comes with the room itself, or after an absence, is not news of this moment.
      if (room && before && room !== before && before.rev !== null && state.connection.status === "ready")
        heard(room, before);
    });
    return () => {
      leave();
      if (timer !== null) clearTimeout(timer);
    };
  }, [client, id, t]);

  return (
    <div class="cs-hidden" aria-live="polite">
      {said}
    </div>
  );
}
