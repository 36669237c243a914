import type { RefObject } from "preact";
import { Close, Search } from "../../ui/icons.tsx";
import { useShell } from "../context.ts";

/** A field to search with: what is in it is cleared by Escape and by a button. */
export function SearchField(props: {
  label: string;
  value: string;
  onValue(value: string): void;
  inputRef?: RefObject<HTMLInputElement | null>;
  shortcuts?: string;
}) {
  const { t } = useShell();
  const { label, value, onValue } = props;
  return (
    <div class="search">
      <Search />
      <input
        ref={props.inputRef ?? null}
        type="search"
        class="cs-input"
        aria-label={label}
        aria-keyshortcuts={props.shortcuts}
        placeholder={label}
        value={value}
        onInput={(event) => onValue(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape" && value !== "") {
            event.stopPropagation();
            onValue("");
          }
        }}
      />
      {value !== "" && (
        <button
          type="button"
          class="cs-icon-button"
          data-size="sm"
          aria-label={t("clearSearch")}
          onClick={() => onValue("")}
        >
          <Close />
        </button>
      )}
    </div>
  );
}
