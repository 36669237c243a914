import { Alert } from "../../ui/icons.tsx";
import { useShell } from "../context.ts";
import { describe } from "../errors.ts";

/** What went wrong, beside where it did, with a next step. */
export function Problem({ error, onRetry }: { error: unknown; onRetry?: (() => void) | undefined }) {
  const { t } = useShell();
  if (error === null || error === undefined) return null;
  const { said, detail } = describe(error, t);
  return (
    <div class="problem" role="alert">
      <Alert />
      <p>
        {said} {detail && <span class="problem-detail">{detail}</span>}
      </p>
      {onRetry && (
        <button type="button" class="cs-button" data-size="sm" onClick={onRetry}>
          {t("retry")}
        </button>
      )}
    </div>
  );
}
