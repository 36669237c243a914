import { useEffect, useRef, useState } from "preact/hooks";
import { useLatest } from "../../ui/hooks.ts";

export interface Running<A extends unknown[]> {
  /** Resolves to whether it went well. */
  run(...args: A): Promise<boolean>;
  readonly busy: boolean;
  /** Why the last one failed; null once another runs. */
  readonly error: unknown;
  clear(): void;
}

/** Something that asks the server: one at a time, with its outcome for the component that shows it. */
export function useAction<A extends unknown[]>(action: (...args: A) => Promise<unknown>): Running<A> {
  const [{ busy, error }, set] = useState<{ busy: boolean; error: unknown }>({ busy: false, error: null });
  const state = useRef({ running: false, mounted: true });
  useEffect(() => {
    state.current.mounted = true;
    return () => {
      state.current.mounted = false;
    };
  }, []);
  const show = (next: { busy: boolean; error: unknown }) => {
    if (state.current.mounted) set(next);
  };
  const run = useLatest(async (...args: A) => {
    if (state.current.running) return false;
    state.current.running = true;
    show({ busy: true, error: null });
    try {
      await action(...args);
      show({ busy: false, error: null });
      return true;
    } catch (problem) {
      show({ busy: false, error: problem });
      return false;
    } finally {
      state.current.running = false;
    }
  });
  return { run, busy, error, clear: () => show({ busy: false, error: null }) };
}

/** What the server gives for `key`, loaded anew when it changes; an answer to an older question is dropped. */
export function useLoaded<R>(
  key: string,
  load: () => Promise<R>,
): { value: R | null; error: unknown; loading: boolean; again(): void } {
  const [state, set] = useState<{ key: string; value: R | null; error: unknown; loading: boolean }>({
    key,
    value: null,
    error: null,
    loading: true,
  });
  const [round, setRound] = useState(0);
  const latest = useLatest(load);
  useEffect(() => {
    let dropped = false;
    set({ key, value: null, error: null, loading: true });
    latest().then(
      (value) => !dropped && set({ key, value, error: null, loading: false }),
      (error) => !dropped && set({ key, value: null, error, loading: false }),
    );
    return () => {
      dropped = true;
    };
  }, [key, round]);
  // Between a new key and its effect, what is shown is not yet the old value.
  const { value, error, loading } = state.key === key ? state : { value: null, error: null, loading: true };
  return { value, error, loading, again: () => setRound((count) => count + 1) };
}
