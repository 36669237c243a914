import { useEffect, useRef, useState } from "preact/hooks";
import { useLoaded } from "../../shell/parts/action.ts";
import { Empty } from "../../shell/parts/Empty.tsx";
import { Problem } from "../../shell/parts/Problem.tsx";
import { Skeleton } from "../../shell/parts/Skeleton.tsx";
import { Check } from "../../ui/icons.tsx";
import { useConsole } from "../context.ts";
import { Choice } from "../parts/Choice.tsx";
import { Heading } from "../parts/Heading.tsx";
import { TextDialog } from "../parts/TextDialog.tsx";
import type { Gap } from "../types.ts";
import { type Closed, ClosedGap } from "./ClosedGap.tsx";
import { GapCard } from "./GapCard.tsx";

const DAYS = [7, 30, 90] as const;

/** Questions that the documents did not answer: what to write next. */
export function GapsPage() {
  const { t, knowledge, reloadCollections } = useConsole();
  const [days, setDays] = useState("30");
  const { value, error, again } = useLoaded(days, () => knowledge.gaps(Number(days)));
  const [answering, setAnswering] = useState<Gap | null>(null);
  /** Dealt with here; the report no longer has them when it is asked for anew. */
  const [closed, setClosed] = useState<ReadonlyMap<string, Closed>>(new Map());
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    if (closed.size > 0) list.current?.focus(); // the button that was pressed is gone
  }, [closed]);
  const close = (gap: Gap, how: Closed) => setClosed((held) => new Map(held).set(gap.id, how));
  const shown = value?.gaps.filter(({ id }) => closed.get(id)?.how !== "dismissed") ?? [];
  return (
    <>
      <Heading title={t("gaps")} lead={t("gapsLead")}>
        <Choice
          quiet
          label={t("period")}
          value={days}
          options={DAYS.map((count) => ({ value: String(count), label: t("lastDays", { count }) }))}
          onValue={setDays}
        />
      </Heading>
      <Problem error={error} onRetry={again} />
      {!value ? (
        !error && <Skeleton label={t("loading")} />
      ) : shown.length === 0 ? (
        <Empty icon={<Check />} title={t("noGaps")} lead={t("noGapsLead")} />
      ) : (
        <ul class="cards gaps" ref={list} tabIndex={-1} aria-label={t("gaps")}>
          {shown.map((gap) => {
            const how = closed.get(gap.id);
            return (
              <li key={gap.id}>
                {how?.how === "answered" ? (
                  <ClosedGap gap={gap} document={how.document} />
                ) : (
                  <GapCard
                    gap={gap}
                    onAnswer={() => setAnswering(gap)}
                    onDismissed={() => close(gap, { how: "dismissed" })}
                  />
                )}
              </li>
            );
          })}
        </ul>
      )}
      {answering && (
        <TextDialog
          heading={t("writeAnswer")}
          does={t("saveAnswer")}
          title={answering.question}
          site={answering.site}
          onClose={() => setAnswering(null)}
          save={async (text) => {
            const messages = answering.questions.map(({ message }) => message);
            const { document } = await knowledge.answerGap(answering.id, text, messages);
            setAnswering(null);
            close(answering, { how: "answered", document });
            reloadCollections();
          }}
        >
          <p class="soft">{t("writeAnswerLead")}</p>
        </TextDialog>
      )}
    </>
  );
}
