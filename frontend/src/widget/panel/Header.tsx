import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Back, Clock, Close, Plus } from "../../ui/icons.tsx";
import { useHere, useVisit } from "./here.ts";

/** Who answers, and what one can do with conversations as a whole. */
export function Header(props: {
  list: boolean;
  onList(list: boolean): void;
  back: RefObject<HTMLButtonElement | null>;
}) {
  const { host, visit, t, conversation } = useHere();
  const { list, onList, back } = props;
  const known = useVisit((visit) => visit.site !== null);
  const fresh = useVisit((visit) => (visit.room?.messages.length ?? 0) === 0);
  const elsewhere = useVisit((visit, { rooms }) =>
    Object.values(rooms).some(({ id, entry }) => id !== visit.roomId && (entry?.unread ?? 0) > 0),
  );
  const [problem, setProblem] = useState("");
  useEffect(() => {
    if (list) back.current?.focus();
  }, [list]);

  async function begin() {
    onList(false);
    setProblem("");
    await visit.begin().catch((error: Error) => setProblem(t("tooMuch", { reason: error.message })));
  }

  return (
    <div class="header" data-list={list}>
      <button
        ref={back}
        type="button"
        class="cs-icon-button"
        aria-label={t(list ? "back" : "history")}
        title={t(list ? "back" : "history")}
        disabled={!conversation}
        onClick={() => onList(!list)}
      >
        {list ? <Back /> : <Clock />}
        {elsewhere && !list && <span class="dot" />}
      </button>
      <div class="who">{list ? <h2>{t("history")}</h2> : conversation && <conversation.Who />}</div>
      <button
        type="button"
        class="cs-icon-button"
        aria-label={t("fresh")}
        title={t("fresh")}
        disabled={!known || (fresh && !list)}
        onClick={begin}
      >
        <Plus />
      </button>
      <button
        type="button"
        class="cs-icon-button"
        aria-label={t("close")}
        title={t("close")}
        onClick={() => host.close()}
      >
        <Close />
      </button>
      {problem && (
        <p class="note failed" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}
