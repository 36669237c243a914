import { Avatar } from "../ui/Avatar.tsx";
import { useApp } from "./context.ts";
import type { Candidate } from "./mentions.ts";

/** Above the composer; the focus stays in the text, which names the active option. */
export function MentionList(props: {
  id: string;
  candidates: readonly Candidate[];
  active: number;
  onChoose(candidate: Candidate): void;
}) {
  const { t } = useApp();
  return (
    <div id={props.id} class="mentions" role="listbox" aria-label={t("mentionSuggestions")}>
      {props.candidates.map((candidate, index) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are the text's
        <div
          key={candidate.id}
          id={`${props.id}-${index}`}
          class="mention"
          role="option"
          tabIndex={-1}
          aria-selected={index === props.active}
          // A press would take the focus from the text, and the list with it.
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => props.onChoose(candidate)}
        >
          <Avatar user={candidate} size="sm" />
          <span>{candidate.name}</span>
          <small>{candidate.kind === "assistant" ? `@${candidate.handle} · ${t("mentionHint")}` : ""}</small>
        </div>
      ))}
    </div>
  );
}
