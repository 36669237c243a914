import { useHere, useVisit } from "../panel/here.ts";
import { useTexts } from "./texts.ts";

/** What the site says first; and, while nothing was asked, what one could ask. */
export function Greeting({ suggest }: { suggest: boolean }) {
  const { visit } = useHere();
  const t = useTexts();
  const site = useVisit((visit) => visit.site);
  if (!site) return null;
  return (
    <div class="greeting">
      {site.greeting && <p class="said">{site.greeting}</p>}
      {suggest && site.suggestions.length > 0 && (
        <ul class="suggestions" aria-label={t("suggestions")}>
          {site.suggestions.map((text) => (
            <li key={text}>
              <button type="button" class="suggestion" onClick={() => visit.send(text)}>
                {text}
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
