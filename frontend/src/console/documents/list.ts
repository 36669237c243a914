/** The list of documents: pages of it, what is heard of single documents, and archives with what was in them. */
import type { DocumentState } from "../../sdk/index.ts";
import type { DocumentPage, DocumentRecord } from "../types.ts";

export interface ListState {
  readonly documents: readonly DocumentRecord[];
  /** Whether the server has older ones. */
  readonly more: boolean;
  /** Whether the first page has come. */
  readonly loaded: boolean;
}

export const NOTHING: ListState = { documents: [], more: false, loaded: false };

/** The next page, at the end. */
export function appended(state: ListState, page: DocumentPage): ListState {
  const known = new Set(state.documents.map(({ id }) => id));
  const documents = [...state.documents, ...page.documents.filter(({ id }) => !known.has(id))];
  return { documents, more: page.more, loaded: true };
}

/** The newest ones anew. What is older than the page's last stays as it was: it was not asked for. */
export function refreshed(state: ListState, page: DocumentPage): ListState {
  const last = page.documents.at(-1);
  // Ids grow with time.
  const older = page.more && last ? state.documents.filter(({ id }) => id < last.id) : [];
  const known = new Map(state.documents.map((each) => [each.id, each]));
  // One that has not changed keeps its identity, so that its row is not drawn again.
  const fresh = page.documents.map((each) => same(known.get(each.id), each));
  return { documents: [...fresh, ...older], more: older.length > 0 ? state.more : page.more, loaded: true };
}

function same(before: DocumentRecord | undefined, now: DocumentRecord): DocumentRecord {
  return before && JSON.stringify(before) === JSON.stringify(now) ? before : now;
}

/** News of a document; of one that is not listed, nothing. */
export function told(state: ListState, news: DocumentState): ListState {
  const { id, title, status, error = null, done = 0, total = 0 } = news;
  if (status === "deleted") return without(state, id);
  const change = (each: DocumentRecord) => (each.id === id ? { ...each, title, status, error, done, total } : each);
  return { ...state, documents: state.documents.map(change) };
}

/** Without one and what was in it. */
export function without(state: ListState, id: string): ListState {
  return { ...state, documents: state.documents.filter((each) => each.id !== id && each.parent !== id) };
}

export function isListed(state: ListState, id: string): boolean {
  return state.documents.some((each) => each.id === id);
}

/** Whether something is still to come of it by itself. */
export function isUnfinished({ status }: Pick<DocumentRecord, "status">): boolean {
  return status === "queued" || status === "parsing" || status === "embedding";
}

export interface Group {
  readonly document: DocumentRecord;
  /** What was in it, when it is an archive. */
  readonly members: readonly DocumentRecord[];
}

/** Archives with what was in them, where the first of it stands; members whose archive is not listed stand alone. */
export function grouped(documents: readonly DocumentRecord[]): readonly Group[] {
  const byId = new Map(documents.map((each) => [each.id, each]));
  const groups = new Map<string, { document: DocumentRecord; members: DocumentRecord[] }>();
  for (const each of documents) {
    const head = (each.parent !== null && byId.get(each.parent)) || each;
    const group = groups.get(head.id) ?? { document: head, members: [] };
    if (head !== each) group.members.push(each);
    groups.set(head.id, group);
  }
  return [...groups.values()];
}
