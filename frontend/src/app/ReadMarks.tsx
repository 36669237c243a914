import type { Member } from "../sdk/index.ts";
import { Avatar } from "../ui/Avatar.tsx";
import { useApp } from "./context.ts";

const SHOWN = 5;

/** Who has read down to here. */
export function ReadMarks({ readers }: { readers: readonly Member[] }) {
  const { t } = useApp();
  const list = new Intl.ListFormat(t.locale, { type: "conjunction" });
  const rest = readers.length - SHOWN;
  const names = readers.slice(0, SHOWN).map(({ name }) => name);
  const text =
    rest > 0
      ? t("readByMore", { names: names.join(", "), count: rest })
      : t("readBy", { names: list.format(names), count: readers.length });
  return (
    <div class="read-marks" title={text}>
      <span class="cs-hidden">{text}</span>
      {readers.slice(0, SHOWN).map((reader) => (
        <Avatar key={reader.id} user={reader} size="xs" />
      ))}
      {rest > 0 && <span aria-hidden="true">+{rest}</span>}
    </div>
  );
}
