import { Menu } from "../../shell/parts/Menu.tsx";
import { Edit, Globe, Lock, More, People, Trash } from "../../ui/icons.tsx";
import { useConsole } from "../context.ts";
import { Link } from "../parts/Link.tsx";
import type { Collection } from "../types.ts";

const SIGNS = { public: <Globe />, internal: <People />, restricted: <Lock /> } as const;
/** So many readers are named; the others are a number. */
const NAMED = 3;

export function CollectionCard(props: { collection: Collection; onEdit(): void; onDelete(): void }) {
  const { t, sites } = useConsole();
  const { id, name, visibility, readers, documents, site_name: site } = props.collection;
  const items = [
    { label: t("edit"), icon: <Edit />, onSelect: props.onEdit },
    { label: t("delete"), icon: <Trash />, danger: true, onSelect: props.onDelete },
  ];
  const named = readers.slice(0, NAMED).map((reader) => reader.name);
  const others = readers.length - named.length;
  return (
    <article class="card collection">
      <div class="card-words">
        <h2>{name}</h2>
        {sites.length > 1 && <p class="soft">{site}</p>}
        <p class="card-line">
          {SIGNS[visibility]} <span>{t(visibility)}</span>
        </p>
        {visibility === "restricted" && (
          <p class="soft">
            {named.length === 0 ? t("onlyManagers") : named.join(t("comma"))}
            {others > 0 && ` ${t("andOthers", { count: others })}`}
          </p>
        )}
        <p>
          <Link to={{ page: "documents", collection: id, source: "" }}>
            {t("documentsCount", { count: documents })}
          </Link>
        </p>
      </div>
      <Menu label={t("collectionMenu", { name })} class="cs-icon-button" sections={[{ items }]}>
        <More />
      </Menu>
    </article>
  );
}
