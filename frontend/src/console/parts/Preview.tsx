import { useMemo } from "preact/hooks";
import { Markdown } from "../../ui/markdown/Markdown.tsx";
import { markdownTexts } from "../../ui/markdown/texts.ts";
import { useConsole } from "../context.ts";

const NO_CITATIONS: ReadonlySet<number> = new Set();
const nothing = () => {};

/** Markdown as it will be read. */
export function Preview({ text }: { text: string }) {
  const { t } = useConsole();
  const texts = useMemo(() => markdownTexts.in(t.locale), [t.locale]);
  return (
    <section class="text-preview" aria-label={t("preview")}>
      <Markdown text={text} final citations={NO_CITATIONS} onCitation={nothing} texts={texts} />
    </section>
  );
}
