import type { Answer, Message } from "../sdk/index.ts";

/** The text of an answer: as it grows, or as it is stored. */
export function AnswerText(props: { message: Message; live: Answer | null; onCitation(n: number): void }) {
  const { message, live } = props;
  const text = message.status === "pending" ? (live?.text ?? "") : message.text;
  return <div class="written">{text}</div>;
}
