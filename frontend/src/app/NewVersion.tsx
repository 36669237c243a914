import { useEffect, useReducer, useState } from "preact/hooks";
import { useApp } from "./context.ts";
import { newVersion, onNewVersion } from "./pwa.ts";

/** Says that a newer version is there; nothing happens by itself, for somebody may be writing. */
export function NewVersion() {
  const { t } = useApp();
  const [, render] = useReducer<number, void>((count) => count + 1, 0);
  const [later, setLater] = useState(false);
  useEffect(() => onNewVersion(() => render()), []);
  if (!newVersion() || later) return null;
  return (
    <div class="notice" role="status">
      <p>{t("newVersion")}</p>
      <button type="button" class="cs-button" data-kind="primary" data-size="sm" onClick={() => location.reload()}>
        {t("reload")}
      </button>
      <button type="button" class="cs-button" data-kind="plain" data-size="sm" onClick={() => setLater(true)}>
        {t("later")}
      </button>
    </div>
  );
}
