import { useState } from "preact/hooks";
import { ChatError, type Message } from "../../sdk/index.ts";
import { copyText } from "../../ui/clipboard.ts";
import { Check, Copy, Retry, ThumbDown, ThumbUp } from "../../ui/icons.tsx";
import { useHere } from "../panel/here.ts";
import { Feedback } from "./Feedback.tsx";
import { useTexts } from "./texts.ts";

type Score = -1 | 0 | 1;

/** Copy, rate, ask again: under an answer that has ended. */
export function AnswerActions({ message, last }: { message: Message; last: boolean }) {
  const { visit, t: common, say } = useHere();
  const t = useTexts();
  const [score, setScore] = useState<Score>(0);
  const [commenting, setCommenting] = useState(false);
  const [copied, setCopied] = useState(false);
  const [problem, setProblem] = useState("");
  const { client } = visit;
  const failed = message.status === "failed";

  async function attempt(act: Promise<void>): Promise<boolean> {
    setProblem("");
    return act.then(
      () => true,
      (error: unknown) => {
        setProblem(common("tooMuch", { reason: error instanceof ChatError ? error.message : String(error) }));
        return false;
      },
    );
  }

  async function rate(wanted: Score) {
    const before = score;
    const now = wanted === before ? 0 : wanted;
    setScore(now);
    setCommenting(now !== 0);
    if (!(await attempt(client.rate(message.id, now)))) {
      setScore(before);
      setCommenting(false);
    }
  }

  async function comment(text: string) {
    setCommenting(false);
    if (text && (await attempt(client.rate(message.id, score, text)))) say(t("thanks"));
  }

  async function copy(button: HTMLElement) {
    if (!(await attempt(copyText(message.text)))) return;
    button.focus(); // copying without TLS takes it away
    setCopied(true);
    say(t("copied"));
    setTimeout(() => setCopied(false), 2000);
  }

  return (
    <>
      <div class="actions" data-last={last}>
        {!failed && (
          <>
            <Action label={t(copied ? "copied" : "copy")} onClick={copy} icon={copied ? <Check /> : <Copy />} />
            <Action label={t("good")} pressed={score === 1} onClick={() => rate(1)} icon={<ThumbUp />} />
            <Action label={t("bad")} pressed={score === -1} onClick={() => rate(-1)} icon={<ThumbDown />} />
          </>
        )}
        {last && (
          <Action
            label={t("again")}
            onClick={() => attempt(client.retryAnswer(message.id, message.attempt ?? 1))}
            icon={<Retry />}
          />
        )}
      </div>
      {commenting && <Feedback label={t(score === 1 ? "goodComment" : "badComment")} onDone={comment} />}
      {problem && (
        <p class="note failed" role="alert">
          {problem}
        </p>
      )}
    </>
  );
}

function Action(props: {
  label: string;
  pressed?: boolean;
  onClick(button: HTMLElement): void;
  icon: preact.ComponentChildren;
}) {
  return (
    <button
      type="button"
      class="cs-icon-button"
      data-size="sm"
      aria-label={props.label}
      title={props.label}
      aria-pressed={props.pressed}
      onClick={({ currentTarget }) => props.onClick(currentTarget)}
    >
      {props.icon}
    </button>
  );
}
