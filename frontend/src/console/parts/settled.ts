import { useEffect, useState } from "preact/hooks";

const SETTLE_MS = 250;

/** The value, once it has not changed for a moment: not each letter is a question. */
export function useSettled(value: string): string {
  const [settled, set] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => set(value), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
