/**
 * The one function that makes states: `reduce(state, action, now)`. Pure; `now` is the client's clock in ms.
 *
 * It holds the client rules of docs/protocol.md ("Two kinds of position"). Nothing here sends: what has to be asked of
 * the server stands in the state (`gaps`, `outgoing`), and the client acts on it.
 */
import type { Action, LocalAction } from "./actions.ts";
import { applyDelta, applySnapshots, applyStage } from "./answers.ts";
import type { MessageEvent, RoomChanges, RoomPresence, RoomUpdated, Welcome } from "./frames.ts";
import { store, withPage } from "./messages.ts";
import { arrived, reduceOutgoing, unacknowledged } from "./outgoing.ts";
import type { Member, Message, Room, RoomEntry, RoomId, State } from "./state.ts";
import { withCounts } from "./unread.ts";

/** Typing is forgotten after this time without another sign, in ms. */
export const TYPING_MS = 6000;

export const INITIAL: State = {
  connection: { status: "stopped" },
  epoch: null,
  user: null,
  limits: null,
  expires: null,
  rooms: {},
  moreRooms: false,
  outgoing: [],
  gaps: [],
};

export function reduce(state: State, action: Action, now: number): State {
  switch (action.type) {
    case "welcome":
      return welcome(state, action);
    case "ready":
      return { ...state, connection: { status: "ready" } };
    case "room.changes":
      return changes(state, action);
    case "message":
    case "room.updated":
      return event(state, action);
    case "answer.delta":
      return update(state, action.room, (room) => {
        const { room: next, gap } = applyDelta(room, action);
        return gap ? gapIn(next) : next;
      });
    case "answer.stage":
      return update(state, action.room, (room) => applyStage(room, action));
    case "room.added":
      return withEntry(state, action.room);
    case "room.summary":
      return update(state, action.room, (room) => {
        if (room.entry === null || room.joined || action.rev < room.entry.rev) return room;
        const { rev, unread, last = null } = action;
        return { ...room, entry: { ...room.entry, rev, unread, last } };
      });
    case "room.you":
      return update(state, action.room, (room) => {
        if (room.entry === null) return room;
        const read = Math.max(room.entry.read ?? 0, action.read);
        return { ...room, entry: { ...room.entry, role: action.role, read, unread: action.unread } };
      });
    case "room.presence":
      return update(state, action.room, (room) => presence(room, action));
    case "room.typing":
      return update(state, action.room, (room) => {
        const { [action.user]: _, ...others } = room.typing;
        return { ...room, typing: action.on ? { ...others, [action.user]: now + TYPING_MS } : others };
      });
    case "room.read":
      return update(state, action.room, (room) => readBy(room, action.user, action.seq));
    case "room.gone":
      return gone(state, action.room);
    case "ok":
    case "error":
    case "document":
    case "bye":
      return state;
    default:
      return local(state, action);
  }
}

function local(state: State, action: LocalAction): State {
  switch (action.type) {
    case "local.connection":
      return { ...state, connection: action.connection };
    case "local.hello":
      return action.rooms.reduce((next, id) => update(next, id, (room) => ({ ...room, sync: "asked" })), state);
    case "local.lost":
      return lost(state);
    case "local.expires":
      return { ...state, expires: action.expires };
    case "local.join":
      return update(state, action.room, (room) => ({ ...room, joined: true }), true);
    case "local.leave":
      return update(state, action.room, (room) => ({ ...room, joined: false, typing: {}, sync: "none" }));
    case "local.sync":
      return update(state, action.room, (room) => ({ ...room, sync: action.sync }));
    case "local.read":
      return update(state, action.room, (room) => {
        if (room.entry === null || action.seq <= (room.entry.read ?? 0)) return room;
        return withCounts({ ...room, entry: { ...room.entry, read: action.seq } }, state.user?.id ?? null);
      });
    case "local.history":
      return update(state, action.room, (room) => ({ ...room, loading: true, strays: [] }));
    case "local.page":
      return update(state, action.room, (room) => {
        if (!room.loading || room.from !== action.before) return room; // a reset came in between
        if (action.messages === null) return { ...room, loading: false, strays: [] };
        return withPage(room, action.messages, action.more);
      });
    case "local.trim":
      return update(state, action.room, (room) => trimmed(room, action.keep));
    default:
      return reduceOutgoing(state, action);
  }
}

// --- the whole -------------------------------------------------------------------------------------------------------

function welcome(state: State, frame: Welcome): State {
  const { epoch, user, limits = {}, expires = null, rooms: entries = [], more: moreRooms = false } = frame;
  const other = state.user !== null && state.user.id !== user.id;
  const rooms: Record<RoomId, Room> = {};
  if (!other) {
    const listed = new Set(entries.map(({ room }) => room));
    for (const room of Object.values(state.rooms)) {
      // A room that is missing from a whole list is no longer ours; of those on screen the server says so itself.
      const kept = room.joined || moreRooms || listed.has(room.id);
      if (kept) rooms[room.id] = state.epoch === null || state.epoch === epoch ? room : forgotten(room);
    }
  }
  const connection = { status: "catching-up" } as const;
  const outgoing = other ? [] : state.outgoing;
  const next: State = { ...state, connection, epoch, user, limits, expires, rooms, moreRooms, outgoing };
  return entries.reduce(withEntry, next);
}

function lost(state: State): State {
  const rooms: Record<RoomId, Room> = {};
  for (const room of Object.values(state.rooms)) {
    const idle = room.sync === "none" && !room.loading && Object.keys(room.typing).length === 0;
    rooms[room.id] = idle ? room : { ...room, sync: "none", loading: false, strays: [], typing: {} };
  }
  return { ...state, rooms, gaps: [], outgoing: unacknowledged(state.outgoing) };
}

function gone(state: State, id: RoomId): State {
  const { [id]: _, ...rooms } = state.rooms;
  const error = { code: "not_found", message: "" } as const;
  const outgoing = state.outgoing.map((message) =>
    message.room === id ? { ...message, status: "failed" as const, error } : message,
  );
  return { ...state, rooms, outgoing, gaps: state.gaps.filter((room) => room !== id) };
}

// --- one room --------------------------------------------------------------------------------------------------------

function changes(state: State, frame: RoomChanges): State {
  const { messages = [], answers = [] } = frame;
  const next = update(state, frame.room, (known) => {
    let room: Room = { ...known, sync: "none" };
    if (frame.reset) {
      const sorted = [...messages].sort((one, other) => one.seq - other.seq);
      const from = sorted[0] !== undefined && sorted[0].seq > 1 ? sorted[0].seq : 0;
      room = { ...room, messages: sorted, from, answers: {}, loading: false, strays: [], rev: frame.rev };
    } else {
      room = messages.reduce(store, { ...room, rev: Math.max(frame.rev, room.rev ?? 0) });
    }
    room = applySnapshots(room, answers);
    if (frame.meta) room = withMeta(room, frame.meta);
    if (frame.members) room = { ...room, members: frame.members };
    if (frame.presence) room = { ...room, presence: frame.presence };
    return frame.more ? gapIn(room) : room;
  });
  return settle(next, frame.room, messages);
}

function event(state: State, frame: MessageEvent | RoomUpdated): State {
  const known = state.rooms[frame.room];
  if (known === undefined || !known.joined) return state;
  if (known.rev === null || frame.rev > known.rev + 1) return update(state, frame.room, gapIn);
  if (frame.rev <= known.rev) return state;
  const next = update(state, frame.room, (room) => {
    const moved = { ...room, rev: frame.rev };
    return frame.type === "message" ? withoutTyping(store(moved, frame.message)) : updated(moved, frame);
  });
  return settle(next, frame.room, frame.type === "message" ? [frame.message] : []);

  function withoutTyping(room: Room): Room {
    if (frame.type !== "message" || !(frame.message.author.id in room.typing)) return room;
    const { [frame.message.author.id]: _, ...typing } = room.typing;
    return { ...room, typing };
  }
}

/** After messages were stored: what is unread, and which of one's own are no longer on their way. */
function settle(state: State, id: RoomId, messages: readonly Message[]): State {
  const me = state.user?.id ?? null;
  const next = update(state, id, (room) => withCounts(room, me, messages));
  const room = next.rooms[id];
  if (room === undefined) return next;
  const outgoing = arrived(next.outgoing, room, messages, me);
  return outgoing === next.outgoing ? next : { ...next, outgoing };
}

function updated(room: Room, frame: RoomUpdated): Room {
  const removed = new Set(frame.removed);
  const fresh = new Map((frame.members ?? []).map((member) => [member.id, member]));
  const members: Member[] = [];
  for (const member of room.members) {
    if (!removed.has(member.id)) members.push(fresh.get(member.id) ?? member);
    fresh.delete(member.id);
  }
  members.push(...fresh.values());
  return withMeta({ ...room, members }, frame.meta);
}

function withMeta(room: Room, meta: NonNullable<Room["meta"]>): Room {
  const entry = room.entry && { ...room.entry, title: meta.title, policy: meta.policy, kind: meta.kind };
  return { ...room, meta, entry };
}

function presence(room: Room, frame: RoomPresence): Room {
  const { online = 0, users = [] } = room.presence ?? {};
  if (frame.user === undefined) return { ...room, presence: { online: frame.count ?? online, users } };
  const others = users.filter((user) => user !== frame.user);
  const here = frame.online ? [...others, frame.user] : others;
  return { ...room, presence: { online: frame.count ?? here.length, users: here } };
}

function readBy(room: Room, user: string, seq: number): Room {
  if (!room.members.some((member) => member.id === user && (member.read ?? 0) < seq)) return room;
  return { ...room, members: room.members.map((member) => (member.id === user ? { ...member, read: seq } : member)) };
}

function trimmed(room: Room, keep: number): Room {
  if (room.loading || room.messages.length <= keep) return room;
  const messages = keep > 0 ? room.messages.slice(-keep) : [];
  // Without a message there is nothing to say from where on all are here: the next join begins anew.
  if (messages[0] === undefined) return forgotten(room);
  return { ...room, messages, from: messages[0].seq };
}

/** Its position and everything that was cached under it are void. */
function forgotten(room: Room): Room {
  return { ...empty(room.id), entry: room.entry, joined: room.joined };
}

function withEntry(state: State, entry: RoomEntry): State {
  return update(state, entry.room, (room) => ({ ...room, entry }), true);
}

function gapIn(room: Room): Room {
  return room.sync === "none" ? { ...room, sync: "needed" } : room;
}

function empty(id: RoomId): Room {
  return {
    id,
    entry: null,
    meta: null,
    members: [],
    presence: null,
    rev: null,
    messages: [],
    from: 0,
    loading: false,
    strays: [],
    answers: {},
    typing: {},
    joined: false,
    sync: "none",
  };
}

/** The one place that replaces a room; the list of gaps stays in step with it. */
function update(state: State, id: RoomId, change: (room: Room) => Room, create = false): State {
  const known = state.rooms[id] ?? (create ? empty(id) : undefined);
  if (known === undefined) return state;
  const room = change(known);
  if (room === known && id in state.rooms) return state;
  const rooms = { ...state.rooms, [id]: room };
  const needed = room.sync === "needed";
  if (needed === state.gaps.includes(id)) return { ...state, rooms };
  return { ...state, rooms, gaps: needed ? [...state.gaps, id] : state.gaps.filter((gap) => gap !== id) };
}
