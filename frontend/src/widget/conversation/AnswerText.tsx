import { useMemo } from "preact/hooks";
import type { Message } from "../../sdk/index.ts";
import { Markdown } from "../../ui/markdown/Markdown.tsx";
import { markdownTexts } from "../../ui/markdown/texts.ts";
import { useHere, useVisit } from "../panel/here.ts";

const NONE: readonly never[] = [];

/** An answer's text, while it grows and when it is whole; its numbers open the sources. */
export function AnswerText({ message, onCite }: { message: Message; onCite(n: number, button: HTMLElement): void }) {
  const { t } = useHere();
  const answer = useVisit(({ room }) => room?.answers[message.id] ?? null);
  const sources = answer?.sources ?? message.sources ?? NONE;
  const citations = useMemo(() => new Set(sources.map(({ n }) => n)), [sources]);
  const texts = useMemo(() => markdownTexts.in(t.locale), [t]);
  return (
    <Markdown
      answer={answer}
      text={message.text}
      final={message.status !== "pending"}
      citations={citations}
      onCitation={onCite}
      texts={texts}
    />
  );
}
