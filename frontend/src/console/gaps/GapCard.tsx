import { useShell } from "../../shell/context.ts";
import { useAction } from "../../shell/parts/action.ts";
import { Problem } from "../../shell/parts/Problem.tsx";
import { Edit } from "../../ui/icons.tsx";
import { fullTime, shortWhen } from "../../ui/time.ts";
import { useConsole } from "../context.ts";
import type { Gap, GapReason } from "../types.ts";
import { roomPath } from "./room-path.ts";

const REASONS = ["not_found", "unsupported", "disliked", "failed"] as const satisfies readonly GapReason[];

/** What several people asked in their own words, and what was wrong with the answers. */
export function GapCard({ gap, onAnswer, onDismissed }: { gap: Gap; onAnswer(): void; onDismissed(): void }) {
  const { t, knowledge } = useConsole();
  const { question, count, reasons, last } = gap;
  const messages = gap.questions.map(({ message }) => message);
  const { run, busy, error } = useAction(async () => {
    await knowledge.dismissGap(gap.id, messages);
    onDismissed();
  });
  const when = new Date(last);
  return (
    <article class="card gap">
      <div class="card-words">
        <h2>{question}</h2>
        <p class="gap-about">
          <strong>{t("asked", { count })}</strong>
          <span title={fullTime(when, t.locale)}>
            {t("lastAsked", { when: shortWhen(when, new Date(), t.locale) })}
          </span>
          {REASONS.map((reason) => {
            const times = reasons[reason] ?? 0;
            return (
              times > 0 && (
                <span key={reason} class="tag" data-kind="warn">
                  {t(`${reason}Reason`)}
                  {times > 1 && ` × ${times}`}
                </span>
              )
            );
          })}
        </p>
        <Questions gap={gap} />
        <Problem error={error} />
      </div>
      <div class="card-actions">
        <button type="button" class="cs-button" data-kind="primary" data-size="sm" onClick={onAnswer}>
          <Edit /> {t("writeAnswer")}
        </button>
        <button type="button" class="cs-button" data-kind="plain" data-size="sm" disabled={busy} onClick={() => run()}>
          {t("dismissGap")}
        </button>
      </div>
    </article>
  );
}

function Questions({ gap: { questions } }: { gap: Gap }) {
  const { place } = useShell();
  const { t } = useConsole();
  return (
    <details class="gap-questions">
      <summary>{t("questions", { count: questions.length })}</summary>
      <ul class="plain-list">
        {questions.map(({ message, room, text, asked, reason }) => (
          <li key={message}>
            <a href={roomPath(place, room, message)}>{text}</a>{" "}
            <span class="soft">
              {shortWhen(new Date(asked), new Date(), t.locale)} · {t(`${reason}Reason`)}
            </span>
          </li>
        ))}
      </ul>
    </details>
  );
}
