import { useMemo } from "preact/hooks";
import type { Answer, Message, Source } from "../sdk/index.ts";
import { Markdown } from "../ui/markdown/Markdown.tsx";
import { markdownTexts } from "../ui/markdown/texts.ts";
import { useApp } from "./context.ts";

/** The text of an answer: as it grows, or as it is stored. */
export function AnswerText(props: {
  message: Message;
  live: Answer | null;
  sources: readonly Source[];
  onSource(source: Source): void;
}) {
  const { t } = useApp();
  const { message, live, sources } = props;
  const texts = useMemo(() => markdownTexts.in(t.locale), [t.locale]);
  const citations = useMemo(() => new Set(sources.map(({ n }) => n)), [sources]);
  return (
    <div class="answer-text">
      <Markdown
        answer={live}
        text={message.text}
        final={message.status !== "pending"}
        citations={citations}
        onCitation={(n) => {
          const source = sources.find((one) => one.n === n);
          if (source) props.onSource(source);
        }}
        texts={texts}
      />
    </div>
  );
}
