import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

/**
 * Whether a key belongs to an input method that is composing. Safari ends the composition before it reports the Enter that
 * confirmed it: there only the key code 229 ("the input method has it") tells.
 */
export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229;
}

/** Whether a key press means "send": Enter alone, outside of a composition. */
export function isSend(event: KeyboardEvent): boolean {
  return (
    event.key === "Enter" && !(event.shiftKey || event.altKey || event.ctrlKey || event.metaKey) && !isComposing(event)
  );
}

export interface GrowingTextareaProps {
  value: string;
  onValue(value: string): void;
  onSend(): void;
  /** Before the keys are looked at here; `preventDefault` keeps them from sending. */
  onKeyDown?: ((event: KeyboardEvent) => void) | undefined;
  /** The caret may have moved; null: something is selected. */
  onCaret?: ((caret: number | null) => void) | undefined;
  onBlur?: (() => void) | undefined;
  label: string;
  placeholder?: string;
  maxLength?: number | undefined;
  inputRef?: RefObject<HTMLTextAreaElement | null>;
  /** Further attributes, such as those of a combobox. */
  [attribute: `aria-${string}`]: string | boolean | undefined;
}

/** A textarea as high as its text, up to the CSS `max-height` of `.cs-input`; Enter sends, Shift+Enter begins a line. */
export function GrowingTextarea(props: GrowingTextareaProps) {
  const { value, onValue, onSend, onKeyDown, onCaret, label, inputRef, ...rest } = props;
  const own = useRef<HTMLTextAreaElement>(null);
  const ref = inputRef ?? own;
  useLayoutEffect(() => {
    const area = ref.current;
    if (!area) return;
    area.style.height = "auto";
    // scrollHeight has no border; with the border left out the last line would scroll.
    area.style.height = `${area.scrollHeight + area.offsetHeight - area.clientHeight}px`;
  }, [value]);
  const tellCaret = ({
    currentTarget: { selectionStart: start, selectionEnd: end },
  }: {
    currentTarget: HTMLTextAreaElement;
  }) => onCaret?.(start === end ? start : null);
  return (
    <textarea
      {...rest}
      ref={ref}
      class="cs-input"
      rows={1}
      aria-label={label}
      value={value}
      onInput={(event) => {
        onValue(event.currentTarget.value);
        tellCaret(event);
      }}
      onKeyUp={tellCaret}
      onClick={tellCaret}
      onKeyDown={(event) => {
        onKeyDown?.(event);
        if (event.defaultPrevented || !isSend(event)) return;
        event.preventDefault();
        onSend();
      }}
    />
  );
}
