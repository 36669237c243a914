/** Messages of one's own that the server has not acknowledged, or whose event has not come. Pure. */
import type { LocalAction } from "./actions.ts";
import type { Message, Outgoing, Room, State } from "./state.ts";

type OutgoingAction = Extract<
  LocalAction,
  { type: "local.outgoing" | "local.sent" | "local.stored" | "local.unsent" | "local.discard" }
>;

export function reduceOutgoing(state: State, action: OutgoingAction): State {
  switch (action.type) {
    case "local.outgoing": {
      const known = new Set(state.outgoing.map(({ cid }) => cid));
      return withOutgoing(state, [...state.outgoing, ...action.outgoing.filter(({ cid }) => !known.has(cid))]);
    }
    case "local.sent":
      return change(state, action.cid, (message) => ({ ...message, status: "sent", error: null }));
    case "local.unsent":
      return change(state, action.cid, (message) => {
        const status = action.error === null ? "queued" : "failed";
        return { ...message, status, error: action.error };
      });
    case "local.discard":
      return change(state, action.cid, () => null);
    case "local.stored":
      return change(state, action.cid, (message) => {
        const room = state.rooms[message.room];
        const there = room === undefined || !room.joined || (room.rev !== null && room.rev >= action.seq);
        return there ? null : { ...message, status: "stored", seq: action.seq };
      });
    default:
      return state; // an event of a newer server, which no type here knows
  }
}

/** What of `outgoing` remains once `room` holds `messages`, and has come to its present position. */
export function arrived(
  outgoing: readonly Outgoing[],
  room: Room,
  messages: readonly Message[],
  me: string | null,
): readonly Outgoing[] {
  if (outgoing.length === 0) return outgoing;
  const mine = new Set(messages.filter(({ author }) => author.id === me).map(({ cid }) => cid));
  const rest = outgoing.filter(
    ({ room: id, cid, seq }) =>
      id !== room.id || !(mine.has(cid) || (seq !== null && room.rev !== null && room.rev >= seq)),
  );
  return rest.length === outgoing.length ? outgoing : rest;
}

/** The socket is gone: whether those under way arrived is unknown, and they will be sent again with the same `cid`. */
export function unacknowledged(outgoing: readonly Outgoing[]): readonly Outgoing[] {
  if (!outgoing.some(({ status }) => status === "sent")) return outgoing;
  return outgoing.map((message) => (message.status === "sent" ? { ...message, status: "queued" as const } : message));
}

function change(state: State, cid: string, how: (message: Outgoing) => Outgoing | null): State {
  const outgoing = state.outgoing.flatMap((message) => (message.cid === cid ? (how(message) ?? []) : [message]));
  return withOutgoing(state, outgoing);
}

function withOutgoing(state: State, outgoing: readonly Outgoing[]): State {
  return { ...state, outgoing };
}
