import { useState } from "preact/hooks";
import type { RoomId } from "../../sdk/index.ts";
import { Avatar } from "../../ui/Avatar.tsx";
import { Close } from "../../ui/icons.tsx";
import { useMe, useShell } from "../context.ts";
import { useLoaded } from "./action.ts";
import { Problem } from "./Problem.tsx";

export interface Person {
  readonly id: string;
  readonly name: string;
}

/** Search among the people of one's sites, and choose several. */
export function PeoplePicker(props: {
  /** Leaves out its members. */
  room?: RoomId;
  /** Only people of this site. */
  site?: string | undefined;
  /** Said when there is nobody to choose. */
  nobody: string;
  chosen: readonly Person[];
  onChosen(chosen: readonly Person[]): void;
}) {
  const { api, t } = useShell();
  const me = useMe();
  const { room, site, chosen, onChosen } = props;
  const [query, setQuery] = useState("");
  const path = `people?q=${encodeURIComponent(query.trim())}${room ? `&room=${room}` : ""}${site ? `&site=${site}` : ""}`;
  const { value, error, loading, again } = useLoaded(path, () =>
    api.call<{ people: (Person & { username: string })[] }>("GET", path),
  );
  const found =
    value?.people.filter((person) => person.id !== me?.id && !chosen.some(({ id }) => id === person.id)) ?? [];
  return (
    <fieldset class="people">
      <legend>{t("people")}</legend>
      {chosen.length > 0 && (
        <ul class="chosen" aria-label={t("chosen")}>
          {chosen.map((person) => (
            <li key={person.id} class="chosen-person">
              <Avatar user={{ ...person, kind: "user" }} size="sm" />
              {person.name}
              <button
                type="button"
                class="cs-icon-button"
                data-size="sm"
                aria-label={t("removeChosen", { name: person.name })}
                onClick={() => onChosen(chosen.filter(({ id }) => id !== person.id))}
              >
                <Close />
              </button>
            </li>
          ))}
        </ul>
      )}
      <input
        type="search"
        class="cs-input"
        aria-label={t("searchPeople")}
        placeholder={t("searchPeople")}
        value={query}
        onInput={(event) => setQuery(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter") return;
          event.preventDefault(); // it would send the form: here it chooses
          const [first] = found;
          if (first && query !== "") {
            onChosen([...chosen, first]);
            setQuery("");
          }
        }}
      />
      <Problem error={error} onRetry={again} />
      {found.length > 0 ? (
        <ul class="people-found">
          {found.map((person) => (
            <li key={person.id}>
              <button type="button" class="person" onClick={() => onChosen([...chosen, person])}>
                <Avatar user={{ ...person, kind: "user" }} size="sm" />
                {person.name} <small>{person.username}</small>
              </button>
            </li>
          ))}
        </ul>
      ) : (
        <p class="people-none" role="status">
          {loading ? t("loading") : error || chosen.length > 0 ? "" : query.trim() ? t("nobodyFound") : props.nobody}
        </p>
      )}
    </fieldset>
  );
}
