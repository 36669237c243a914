import type { RefObject } from "preact";
import { useId, useMemo, useState } from "preact/hooks";
import type { RoomId } from "../sdk/index.ts";
import { useMe } from "../shell/context.ts";
import { useClientState } from "../ui/hooks.ts";
import { useApp } from "./context.ts";
import { type Candidate, completed, matching, mentionAt } from "./mentions.ts";

/** Completing `@…`: a combobox whose list opens by itself. */
export function useMentions(
  id: RoomId,
  text: string,
  setText: (text: string) => void,
  input: RefObject<HTMLTextAreaElement | null>,
) {
  const { client, t } = useApp();
  const me = useMe();
  const listId = useId();
  const members = useClientState(client, (state) => state.rooms[id]?.members ?? null);
  const policy = useClientState(client, (state) => state.rooms[id]?.meta?.policy ?? "off");
  const named = useClientState(
    client,
    (state) => state.rooms[id]?.messages.findLast(({ author }) => author.kind === "assistant")?.author.name,
  );
  const [caret, setCaret] = useState<number | null>(null);
  const [active, setActive] = useState(0);
  /** Esc was pressed on the mention that begins there. */
  const [dismissed, setDismissed] = useState<number | null>(null);

  const candidates = useMemo<Candidate[]>(() => {
    // Under this name the server knows it in every room, however the site calls it.
    const handle = t.locale.startsWith("zh") ? "助手" : "assistant";
    const assistant: Candidate[] =
      policy === "off" ? [] : [{ id: "assistant", name: named ?? t("assistant"), handle, kind: "assistant" }];
    const others = (members ?? []).filter((member) => member.id !== me?.id && member.kind !== "assistant");
    return [...assistant, ...others.map(({ id: user, name, kind }) => ({ id: user, name, handle: name, kind }))];
  }, [members, me, policy, named, t]);

  const at = caret === null ? null : mentionAt(text, caret);
  const found = at === null || at.start === dismissed ? [] : matching(candidates, at.query);
  const open = found.length > 0;
  const chosen = Math.min(active, found.length - 1);

  function put(next: { text: string; caret: number }) {
    setText(next.text);
    setCaret(null);
    setActive(0);
    // After the text is there.
    requestAnimationFrame(() => {
      input.current?.focus();
      input.current?.setSelectionRange(next.caret, next.caret);
    });
  }

  const choose = (candidate: Candidate) => {
    if (at && caret !== null) put(completed(text, at.start, caret, candidate.handle));
  };

  function onKeyDown(event: KeyboardEvent) {
    if (!open) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const candidate = found[chosen];
    if (step !== undefined) setActive((chosen + step + found.length) % found.length);
    else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey && candidate) choose(candidate);
    else if (event.key === "Escape") setDismissed(at?.start ?? null);
    else return;
    event.preventDefault();
  }

  return {
    open,
    look: setCaret,
    onKeyDown,
    close: () => setCaret(null),
    /** Puts the assistant before what is written. */
    assistant() {
      const [candidate] = candidates;
      if (candidate?.kind === "assistant") put(completed(text, 0, 0, candidate.handle));
    },
    list: { id: listId, candidates: found, active: chosen, onChoose: choose },
    aria: {
      "aria-autocomplete": "list",
      "aria-controls": open ? listId : undefined,
      "aria-activedescendant": open ? `${listId}-${chosen}` : undefined,
    } as const,
  };
}
