import type { Message } from "../../sdk/index.ts";
import { useVisit } from "../panel/here.ts";

export function AnswerText({ message }: { message: Message; onCite(n: number): void }) {
  const text = useVisit(({ room }) => room?.answers[message.id]?.text ?? message.text);
  return <div class="plain">{text}</div>;
}
