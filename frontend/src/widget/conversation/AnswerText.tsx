import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { type Answer, type Message, piecesSince, type Source } from "../../sdk/index.ts";
import { useLatest } from "../../ui/hooks.ts";
import { markdownTexts } from "../../ui/markdown/texts.ts";
import { MarkdownWriter } from "../../ui/markdown/writer.ts";
import { useHere, useVisit } from "../panel/here.ts";

/** What is on screen: how much of which attempt. */
interface Shown {
  writer: MarkdownWriter;
  attempt: number;
  text: string;
  ended: boolean;
}

/** An answer's text, which only ever grows: what somebody has selected stays selected. */
export function AnswerText(props: { message: Message; onCite(n: number): void }) {
  const { t } = useHere();
  const { message } = props;
  const answer = useVisit(({ room }) => room?.answers[message.id] ?? null);
  const box = useRef<HTMLDivElement>(null);
  const shown = useRef<Shown | null>(null);
  const sources = useRef<readonly Source[]>([]);
  const cite = useLatest(props.onCite);
  sources.current = answer?.sources ?? message.sources ?? [];

  useLayoutEffect(() => {
    if (!box.current) return;
    const writer = new MarkdownWriter(box.current, {
      texts: markdownTexts.in(t.locale),
      citations: () => new Set(sources.current.map(({ n }) => n)),
      onCitation: (n) => cite(n),
    });
    shown.current = { writer, attempt: 0, text: "", ended: false };
    return () => {
      shown.current = null;
    };
  }, [t]);

  useEffect(() => {
    if (!shown.current) return;
    if (answer) grow(shown.current, answer);
    else if (message.status === "pending") restart(shown.current);
    else finish(shown.current, message);
  });

  return <div ref={box} class="md" />;
}

/** Asked for again, and not begun yet. */
function restart(shown: Shown): void {
  if (shown.text) shown.writer.reset();
  Object.assign(shown, { text: "", ended: false });
}

function grow(shown: Shown, answer: Answer): void {
  const pieces = shown.attempt === answer.attempt && !shown.ended ? piecesSince(answer, shown.text.length) : null;
  if (pieces === null) shown.writer.reset();
  for (const piece of pieces ?? [answer.text]) shown.writer.write(piece);
  Object.assign(shown, { attempt: answer.attempt, text: answer.text, ended: false });
}

/** The stored text is the truth; mostly it is what is there already. */
function finish(shown: Shown, { text, attempt = 0 }: Message): void {
  if (shown.ended && shown.text === text) return;
  const more = !shown.ended && text.startsWith(shown.text);
  if (!more) shown.writer.reset();
  shown.writer.write(more ? text.slice(shown.text.length) : text);
  shown.writer.end();
  Object.assign(shown, { attempt, text, ended: true });
}
