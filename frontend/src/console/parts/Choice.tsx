import { useId } from "preact/hooks";
import { Expand } from "../../ui/icons.tsx";

export interface Option {
  readonly value: string;
  readonly label: string;
}

/** One of a few, in a list that opens. `quiet`: what it is for is told by what it shows, and said to who does not see. */
export function Choice(props: {
  label: string;
  quiet?: boolean;
  value: string;
  options: readonly Option[];
  onValue(value: string): void;
}) {
  const id = useId();
  return (
    <div class="field">
      <label class={props.quiet ? "cs-hidden" : "field-label"} for={id}>
        {props.label}
      </label>
      <span class="choice-list">
        <select
          id={id}
          class="cs-input"
          value={props.value}
          onChange={(event) => props.onValue(event.currentTarget.value)}
        >
          {props.options.map(({ value, label }) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
        <Expand />
      </span>
    </div>
  );
}
