import { useEffect, useRef } from "preact/hooks";

/** A line of text with its name above it. `first`: it has the focus when its dialog opens. */
export function Field(props: {
  label: string;
  inputMode?: "text" | "url";
  first?: boolean;
  required?: boolean;
  maxLength: number;
  placeholder?: string;
  value: string;
  onValue(value: string): void;
}) {
  const { label, inputMode = "text", first = false, required = false, maxLength, placeholder = "", value } = props;
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (first) field.current?.select();
  }, []);
  return (
    <label class="field">
      <span>{label}</span>
      <input
        ref={field}
        class="cs-input"
        type="text"
        inputMode={inputMode}
        autocomplete="off"
        required={required}
        maxLength={maxLength}
        placeholder={placeholder}
        value={value}
        onInput={(event) => props.onValue(event.currentTarget.value)}
      />
    </label>
  );
}
