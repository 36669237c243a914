import { useEffect, useRef, useState } from "preact/hooks";
import { pendingAnswers } from "../../sdk/index.ts";
import { GrowingTextarea } from "../../ui/composer.tsx";
import { Send, Stop } from "../../ui/icons.tsx";
import { useHere, useVisit } from "./here.ts";

/**
 * Where the visitor writes, also before there is a connection or a conversation. While an answer is being written and nothing
 * else is, its button stops that answer.
 */
export function Composer({ focus }: { focus: number }) {
  const { visit, t } = useHere();
  const [text, setText] = useState(() => visit.draft);
  const [problem, setProblem] = useState("");
  const input = useRef<HTMLTextAreaElement>(null);
  const answer = useVisit(({ room }) => room && (pendingAnswers(room)[0]?.id ?? null));
  const limit = useVisit((_, { limits }) => limits?.text_chars);
  const refused = useVisit((_, { connection }) => connection.status === "refused");
  const room = useVisit((visit) => visit.roomId);
  const before = useRef(room);
  useEffect(() => {
    if (focus > 0) input.current?.focus();
  }, [focus]);
  useEffect(() => {
    // Another conversation was chosen; the first one comes by itself.
    if (focus > 0 && before.current !== null && before.current !== room) input.current?.focus();
    before.current = room;
  }, [room]);

  function change(value: string) {
    setText(value);
    visit.draft = value;
    if (visit.roomId && value) visit.client.typing(visit.roomId);
  }

  function attempt(act: () => void) {
    setProblem("");
    try {
      act();
    } catch (error) {
      setProblem(t("tooMuch", { reason: (error as Error).message }));
    }
  }

  function send() {
    const said = text.trim();
    if (!said || refused) return;
    attempt(() => {
      visit.send(said);
      change("");
    });
  }

  function stop() {
    if (!answer || !visit.roomId) return;
    visit.client
      .stopAnswer(visit.roomId, { message: answer })
      .catch((error: Error) => setProblem(t("tooMuch", { reason: error.message })));
    input.current?.focus();
  }

  const stopping = answer && !text.trim();
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        if (stopping) stop();
        else send();
      }}
    >
      {problem && (
        <p class="note failed" role="alert">
          {problem}
        </p>
      )}
      <div class="composer-row">
        <GrowingTextarea
          inputRef={input}
          label={t("label")}
          placeholder={t("placeholder")}
          value={text}
          onValue={change}
          onSend={send}
          maxLength={limit}
        />
        <button
          type="submit"
          class="send"
          data-stop={Boolean(stopping)}
          disabled={!stopping && (!text.trim() || refused)}
          aria-label={t(stopping ? "stop" : "send")}
          title={t(stopping ? "stop" : "send")}
        >
          {stopping ? <Stop /> : <Send />}
        </button>
      </div>
    </form>
  );
}
