import { useEffect, useRef, useState } from "preact/hooks";
import { useLoaded } from "../../shell/parts/action.ts";
import { Empty } from "../../shell/parts/Empty.tsx";
import { Problem } from "../../shell/parts/Problem.tsx";
import { Skeleton } from "../../shell/parts/Skeleton.tsx";
import { Search } from "../../ui/icons.tsx";
import { useConsole } from "../context.ts";
import { CollectionChoice } from "../parts/CollectionChoice.tsx";
import { Heading } from "../parts/Heading.tsx";
import { Results } from "./Results.tsx";

const SHOWN = 10;
/** As the server limits it. */
const QUERY_CHARS = 2000;

/** What the assistant would be shown for a question, with how each passage was found. */
export function SearchPage({ query, collection }: { query: string; collection: string }) {
  const { t, navigate } = useConsole();
  const [typed, setTyped] = useState(query);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => setTyped(query), [query]);
  useEffect(() => {
    if (query === "" && matchMedia("(pointer: fine)").matches) field.current?.focus();
  }, []);
  return (
    <>
      <Heading title={t("search")} lead={t("searchLead")} />
      <search>
        <form
          class="try"
          onSubmit={(event) => {
            event.preventDefault();
            navigate({ page: "search", query: typed.trim(), collection });
          }}
        >
          <label class="cs-hidden" for="query">
            {t("question")}
          </label>
          <input
            id="query"
            ref={field}
            type="search"
            class="cs-input"
            maxLength={QUERY_CHARS}
            placeholder={t("questionExample")}
            value={typed}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
          <CollectionChoice
            quiet
            label={t("collection")}
            all={t("allCollections")}
            value={collection}
            onValue={(id) => navigate({ page: "search", query, collection: id }, { replace: true })}
          />
          <button type="submit" class="cs-button" data-kind="primary" disabled={typed.trim() === ""}>
            <Search /> {t("find")}
          </button>
        </form>
      </search>
      {query === "" ? (
        <Empty icon={<Search />} title={t("tryQuestion")} lead={t("tryQuestionLead")} />
      ) : (
        <Answered key={`${query}\n${collection}`} query={query} collection={collection} />
      )}
    </>
  );
}

function Answered({ query, collection }: { query: string; collection: string }) {
  const { t, knowledge } = useConsole();
  const { value, error, loading, again } = useLoaded("search", () => knowledge.search(query, { k: SHOWN, collection }));
  if (error) return <Problem error={error} onRetry={again} />;
  return loading || !value ? <Skeleton label={t("searching")} /> : <Results found={value} />;
}
