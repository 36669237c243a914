import { useEffect, useRef, useState } from "preact/hooks";
import { useLatest } from "../../ui/hooks.ts";
import { useConsole } from "../context.ts";
import { useDocumentNews } from "../news.ts";
import { usePolling } from "../poll.ts";
import type { DocumentFilter, DocumentPage } from "../types.ts";
import { appended, isListed, isUnfinished, type ListState, NOTHING, refreshed, told, without } from "./list.ts";

const PAGE = 50;
/** What the server gives at once. */
const PAGE_MAX = 200;
/** Between two questions that news of unknown documents lead to, in ms: an archive brings many at once. */
const SETTLE_MS = 500;

export interface Documents extends ListState {
  readonly error: unknown;
  readonly loading: boolean;
  loadMore(): void;
  /** Something has been added, or has failed: asks at once. */
  refresh(): void;
  removed(id: string): void;
}

/** The documents that `filter` lets through, kept up to date while something is underway. */
export function useDocuments(filter: DocumentFilter): Documents {
  const { knowledge } = useConsole();
  const key = JSON.stringify(filter);
  const [state, setState] = useState<ListState>(NOTHING);
  const [asking, setAsking] = useState<{ error: unknown; loading: boolean }>({ error: null, loading: true });
  /** What an answer has to belong to: one to an earlier filter comes too late. */
  const current = useRef(key);
  current.current = key;

  /** Whether the list has changed. */
  async function newest(): Promise<boolean> {
    const page = await knowledge.documents(filter, {
      limit: Math.min(PAGE_MAX, Math.max(PAGE, state.documents.length)),
    });
    return current.current === key && merge(page, refreshed);
  }
  function merge(page: DocumentPage, how: typeof refreshed): boolean {
    const next = how(state, page);
    setState((held) => how(held, page));
    const { documents } = state;
    return documents.length !== next.documents.length || documents.some((each, n) => each !== next.documents[n]);
  }
  async function ask(how: () => Promise<unknown>) {
    setAsking({ error: null, loading: true });
    let error: unknown = null;
    await how().catch((problem) => {
      error = problem;
    });
    if (current.current === key) setAsking({ error, loading: false });
  }
  const refresh = useLatest(() => void ask(newest));

  useEffect(() => {
    setState(NOTHING);
    refresh();
  }, [key]);
  usePolling(state.documents.some(isUnfinished), key, newest);
  const soon = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(soon.current), []);
  useDocumentNews((news) => {
    if (news.status === "deleted" || isListed(state, news.id)) {
      setState((held) => told(held, news));
      return;
    }
    clearTimeout(soon.current);
    soon.current = setTimeout(refresh, SETTLE_MS);
  });

  return {
    ...state,
    ...asking,
    refresh,
    loadMore: () =>
      void ask(async () => {
        const page = await knowledge.documents(filter, { limit: PAGE, before: state.documents.at(-1)?.id });
        if (current.current === key) merge(page, appended);
      }),
    removed: (id) => setState((held) => without(held, id)),
  };
}
