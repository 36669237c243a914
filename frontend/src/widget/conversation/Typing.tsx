import { sameItems, useNow } from "../../ui/hooks.ts";
import { useVisit } from "../panel/here.ts";
import { useTexts } from "./texts.ts";

/** Who else is writing: operators. */
export function Typing() {
  const t = useTexts();
  const typing = useVisit((visit) => Object.entries(visit.room?.typing ?? {}).flat(), sameItems);
  const members = useVisit((visit) => visit.room?.members);
  // The sign ends by itself, without an event.
  const now = useNow(typing.length > 0 ? 1000 : null);
  const ids = typing.filter((id, index) => typeof id === "string" && Number(typing[index + 1]) > now);
  if (ids.length === 0) return null;
  const names = ids.map((id) => members?.find((member) => member.id === id)?.name ?? t("someone"));
  return (
    <p class="typing">
      <Dots />
      {t("typing", { name: names.join(", ") })}
    </p>
  );
}

export function Dots() {
  return (
    <span class="dots" aria-hidden="true">
      <span />
      <span />
      <span />
    </span>
  );
}
