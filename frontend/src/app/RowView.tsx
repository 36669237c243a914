import { memo } from "preact/compat";
import { dayLabel } from "../ui/time.ts";
import { AnswerRow } from "./AnswerRow.tsx";
import { useApp } from "./context.ts";
import { MessageRow } from "./MessageRow.tsx";
import { OutgoingRow } from "./OutgoingRow.tsx";
import { ReadMarks } from "./ReadMarks.tsx";
import type { Row } from "./timeline.ts";

interface RowProps {
  row: Row;
  mine: boolean;
  /** It was just jumped to. */
  flash: boolean;
  editing: boolean;
  /** The number of its source that is open beside. */
  openSource: number | null;
}

/** One row, with what stands above it (a day, the line of what is new) and below (who has read so far). */
export const RowView = memo(function RowView({ row, mine, flash, editing, openSource }: RowProps) {
  const { t } = useApp();
  return (
    <div class="row" data-grouped={row.grouped || undefined} data-flash={flash || undefined}>
      {row.day && (
        <div class="day">
          <time dateTime={row.day.toISOString()}>{dayLabel(row.day, new Date(), t.locale)}</time>
        </div>
      )}
      {row.fresh && (
        <div class="fresh">
          <span>{t("newMessages")}</span>
        </div>
      )}
      {row.kind === "outgoing" ? (
        <OutgoingRow outgoing={row.outgoing} grouped={row.grouped} />
      ) : row.message.author.kind === "assistant" ? (
        <AnswerRow message={row.message} openSource={openSource} />
      ) : (
        <MessageRow message={row.message} grouped={row.grouped} mine={mine} editing={editing} />
      )}
      {row.kind === "message" && row.readers.length > 0 && <ReadMarks readers={row.readers} />}
    </div>
  );
}, sameRow);

/** A new message makes new rows of all; only those that differ are drawn again. */
function sameRow(one: RowProps, other: RowProps): boolean {
  if (one.mine !== other.mine || one.flash !== other.flash || one.editing !== other.editing) return false;
  if (one.openSource !== other.openSource) return false;
  const [a, b] = [one.row, other.row];
  if (a.key !== b.key || a.grouped !== b.grouped || a.fresh !== b.fresh || a.day?.getTime() !== b.day?.getTime())
    return false;
  if (a.kind === "outgoing" || b.kind === "outgoing") {
    return a.kind === "outgoing" && b.kind === "outgoing" && a.outgoing === b.outgoing;
  }
  const same =
    a.readers.length === b.readers.length && a.readers.every((reader, index) => reader.id === b.readers[index]?.id);
  return a.message === b.message && same;
}
