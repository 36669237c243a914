/** What the server says by itself about documents that one has given: the event `document` on the socket. */
import { useEffect } from "preact/hooks";
import type { DocumentState } from "../sdk/index.ts";
import { useShell } from "../shell/context.ts";
import { useLatest } from "../ui/hooks.ts";

/** Calls `hear` with each piece of news while the component is there. Some may be lost: what counts is the API. */
export function useDocumentNews(hear: (news: DocumentState) => void): void {
  const { client } = useShell();
  const latest = useLatest(hear);
  useEffect(() => client.onDocument(latest), [client]);
}
