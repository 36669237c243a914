import { useEffect, useState } from "preact/hooks";

/** Whether the page is in front: not in another tab, not behind a lock screen. */
export function useVisible(): boolean {
  const [visible, set] = useState(!document.hidden);
  useEffect(() => {
    const change = () => set(!document.hidden);
    document.addEventListener("visibilitychange", change);
    return () => document.removeEventListener("visibilitychange", change);
  }, []);
  return visible;
}
