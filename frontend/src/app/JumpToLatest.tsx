import { Down } from "../ui/icons.tsx";
import { useApp } from "./context.ts";

export function JumpToLatest({ count, onJump }: { count: number; onJump(): void }) {
  const { t } = useApp();
  return (
    <button type="button" class="jump" aria-label={t("jumpToLatest")} title={t("jumpToLatest")} onClick={onJump}>
      {count > 0 && <span>{t("jumpNew", { count })}</span>}
      <Down />
    </button>
  );
}
