import { useConsole } from "../context.ts";
import { score } from "../format.ts";

/** A score as a number and as a bar; null: this leg did not find the passage. */
export function Score(props: { label: string; unit?: string; value: number | null; share: number; strong?: boolean }) {
  const { t } = useConsole();
  const { label, unit, value, strong } = props;
  return (
    <div class="score" data-strong={strong || undefined}>
      <dt>
        {label} {unit && <small>{unit}</small>}
      </dt>
      <dd>
        <progress
          class="meter"
          data-soft={!strong || undefined}
          value={Math.max(0, props.share)}
          max={1}
          aria-hidden="true"
        />
        {value === null ? <span title={t("notFoundSo")}>–</span> : score(value, t.locale)}
      </dd>
    </div>
  );
}
