import type { Source } from "../sdk/state.ts";

/** The passages an answer cites, as numbered chips below it. */
export function SourceChips(props: {
  sources: readonly Source[];
  /** Names the list for those who do not see it. */
  label: string;
  /** The number of the one that is open now. */
  open?: number | null;
  onOpen(source: Source): void;
}) {
  if (props.sources.length === 0) return null;
  return (
    <ul class="cs-sources" aria-label={props.label}>
      {props.sources.map((source) => (
        <li key={source.n}>
          <button
            type="button"
            class="cs-chip"
            aria-expanded={props.open === source.n}
            title={source.quote}
            onClick={() => props.onOpen(source)}
          >
            <span class="cs-chip-n">{source.n}</span>
            <span class="cs-chip-title">{source.title}</span>
            {source.where && <span class="cs-chip-where">{source.where}</span>}
          </button>
        </li>
      ))}
    </ul>
  );
}
