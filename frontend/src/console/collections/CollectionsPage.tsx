import { useState } from "preact/hooks";
import { Empty } from "../../shell/parts/Empty.tsx";
import { Folder, Plus } from "../../ui/icons.tsx";
import { useConsole } from "../context.ts";
import { Heading } from "../parts/Heading.tsx";
import type { Collection } from "../types.ts";
import { CollectionCard } from "./CollectionCard.tsx";
import { CollectionDialog } from "./CollectionDialog.tsx";
import { DeleteCollection } from "./DeleteCollection.tsx";

type Opened = { is: "new" } | { is: "edit" | "delete"; collection: Collection };

/** Documents by who may read them. */
export function CollectionsPage() {
  const { t, collections, reloadCollections } = useConsole();
  const [opened, setOpened] = useState<Opened | null>(null);
  const close = () => setOpened(null);
  const done = () => {
    close();
    reloadCollections();
  };
  const create = (
    <button type="button" class="cs-button" data-kind="primary" onClick={() => setOpened({ is: "new" })}>
      <Plus /> {t("newCollection")}
    </button>
  );
  return (
    <>
      <Heading title={t("collections")} lead={t("collectionsLead")}>
        {collections.length > 0 && create}
      </Heading>
      {collections.length === 0 ? (
        <Empty icon={<Folder />} title={t("noCollections")} lead={t("noCollectionsLead")}>
          {create}
        </Empty>
      ) : (
        <ul class="cards">
          {collections.map((collection) => (
            <li key={collection.id}>
              <CollectionCard
                collection={collection}
                onEdit={() => setOpened({ is: "edit", collection })}
                onDelete={() => setOpened({ is: "delete", collection })}
              />
            </li>
          ))}
        </ul>
      )}
      {opened?.is === "new" && <CollectionDialog onClose={close} onSaved={done} />}
      {opened?.is === "edit" && <CollectionDialog collection={opened.collection} onClose={close} onSaved={done} />}
      {opened?.is === "delete" && (
        <DeleteCollection collection={opened.collection} onClose={close} onDeleted={reloadCollections} />
      )}
    </>
  );
}
