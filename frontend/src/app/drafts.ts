/** What was written but not sent, per room, as long as the browser's tab lives. */
import type { MessageId, RoomId } from "../sdk/index.ts";
import { browserStorage } from "../ui/storage.ts";

export interface Draft {
  readonly text: string;
  readonly replyTo: MessageId | null;
}

export const EMPTY: Draft = { text: "", replyTo: null };

export class Drafts {
  private readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem"> | null;
  private readonly drafts = new Map<RoomId, Draft>();

  /** `storage` null: drafts live as long as the page. */
  constructor(storage: Pick<Storage, "getItem" | "setItem" | "removeItem"> | null) {
    this.storage = storage;
  }

  get(room: RoomId): Draft {
    const known = this.drafts.get(room);
    if (known) return known;
    const draft = this.stored(room);
    this.drafts.set(room, draft);
    return draft;
  }

  set(room: RoomId, draft: Draft): void {
    this.drafts.set(room, draft);
    const empty = draft.text === "" && draft.replyTo === null;
    try {
      if (empty) this.storage?.removeItem(key(room));
      else this.storage?.setItem(key(room), JSON.stringify(draft));
    } catch {} // full: it lives as long as the page
  }

  private stored(room: RoomId): Draft {
    try {
      const { text, replyTo } = JSON.parse(this.storage?.getItem(key(room)) ?? "{}");
      return { text: typeof text === "string" ? text : "", replyTo: typeof replyTo === "string" ? replyTo : null };
    } catch {
      return EMPTY;
    }
  }
}

function key(room: RoomId): string {
  return `chatserver:draft:${room}`;
}

export const drafts = new Drafts(browserStorage("sessionStorage"));
