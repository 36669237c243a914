import { useEffect, useRef, useState } from "preact/hooks";
import { Empty } from "../../shell/parts/Empty.tsx";
import { Menu } from "../../shell/parts/Menu.tsx";
import { Problem } from "../../shell/parts/Problem.tsx";
import { Skeleton } from "../../shell/parts/Skeleton.tsx";
import { useMedia } from "../../ui/hooks.ts";
import { Books, Edit, Expand, Folder, Globe, Upload as UploadIcon } from "../../ui/icons.tsx";
import { useConsole } from "../context.ts";
import { useTarget } from "../parts/CollectionChoice.tsx";
import { Heading } from "../parts/Heading.tsx";
import { useSettled } from "../parts/settled.ts";
import { TextDialog } from "../parts/TextDialog.tsx";
import type { DocumentFilter, DocumentRecord } from "../types.ts";
import { AddWeb } from "../web/AddWeb.tsx";
import { DeleteDocument } from "./DeleteDocument.tsx";
import { DocumentList } from "./DocumentList.tsx";
import { DropZone } from "./DropZone.tsx";
import { Filters } from "./Filters.tsx";
import type { LocalFile } from "./files.ts";
import { SearchStatus } from "./SearchStatus.tsx";
import { Uploads } from "./Uploads.tsx";
import { QUEUE_MAX } from "./uploads.ts";
import { useDocuments } from "./use-documents.ts";
import { useFileChoice } from "./use-file-choice.tsx";
import { useUploads } from "./use-uploads.ts";

type Opened = { is: "text" } | { is: "web" } | { is: "delete"; document: DocumentRecord };

/** What the assistant answers from: what is there, how far it is, and the ways to add to it. */
export function DocumentsPage({ collection, source }: { collection: string; source: string }) {
  const { t, knowledge, navigate, reloadCollections } = useConsole();
  const [narrowed, setNarrowed] = useState<Pick<DocumentFilter, "status" | "query">>({ status: "", query: "" });
  const filter = { ...narrowed, collection, source };
  const documents = useDocuments({ ...filter, query: useSettled(narrowed.query) });
  const [opened, setOpened] = useState<Opened | null>(null);
  const [said, setSaid] = useState("");
  const [warning, setWarning] = useState("");
  const touch = useMedia("(pointer: coarse)");
  const target = useTarget(collection);
  const list = useRef<HTMLElement>(null);
  const [deletions, setDeletions] = useState(0);
  useEffect(() => {
    // What had the focus is gone with the document.
    if (deletions > 0) (list.current ?? document.getElementById("page"))?.focus();
  }, [deletions]);
  const { queue, uploads } = useUploads(({ file, registered }) => {
    setSaid(t(registered?.unchanged ? "wasThere" : "received", { name: file.name }));
    documents.refresh();
    reloadCollections();
  });
  function add(files: readonly LocalFile[]) {
    setWarning(queue.add(files, target) < files.length ? t("queueFull", { count: QUEUE_MAX }) : "");
  }
  const files = useFileChoice(add);
  const narrow = collection !== "" || source !== "" || narrowed.status !== "" || narrowed.query.trim() !== "";
  const nothing = documents.loaded && documents.documents.length === 0 && !narrow;
  const clear = () => {
    setNarrowed({ status: "", query: "" });
    navigate({ page: "documents", collection: "", source: "" }, { replace: true });
  };
  const more = [
    { label: t("uploadFolder"), icon: <Folder />, onSelect: files.chooseFolder },
    { label: t("addWeb"), icon: <Globe />, onSelect: () => setOpened({ is: "web" }) },
    { label: t("writeText"), icon: <Edit />, onSelect: () => setOpened({ is: "text" }) },
  ];
  const buttons = (
    <>
      <Menu label={t("addMore")} worded class="cs-button" sections={[{ items: more }]}>
        {t("add")} <Expand />
      </Menu>
      <button type="button" class="cs-button" data-kind="primary" onClick={files.chooseFiles}>
        <UploadIcon /> {t("upload")}
      </button>
    </>
  );
  return (
    <DropZone onFiles={add} onUnread={() => setWarning(t("unreadable"))}>
      <Heading title={t("documents")} lead={<SearchStatus documents={documents} />}>
        {buttons}
      </Heading>
      {files.field}
      {warning && (
        <p class="warning" role="alert">
          {warning}
        </p>
      )}
      <Uploads queue={queue} uploads={uploads} />
      {!nothing && <Filters filter={filter} onNarrow={setNarrowed} />}
      <p class="cs-hidden" role="status">
        {said}
      </p>
      <Problem error={documents.error} onRetry={documents.refresh} />
      {!documents.loaded ? (
        !documents.error && <Skeleton label={t("loading")} />
      ) : documents.documents.length > 0 ? (
        <DocumentList
          documents={documents}
          listRef={list}
          onDelete={(document) => setOpened({ is: "delete", document })}
          onRetried={documents.refresh}
        />
      ) : narrow ? (
        <div class="none-found" role="status">
          <p>{t("noneFound")}</p>
          <button type="button" class="cs-button" data-size="sm" onClick={clear}>
            {t("showAll")}
          </button>
        </div>
      ) : (
        uploads.length === 0 && (
          <div class="first-drop">
            <Empty icon={<Books />} title={t("nothingYet")} lead={t(touch ? "nothingYetTouch" : "nothingYetLead")}>
              <button type="button" class="cs-button" data-kind="primary" onClick={files.chooseFiles}>
                <UploadIcon /> {t("uploadFirst")}
              </button>
              <small class="soft">{t("formats")}</small>
            </Empty>
          </div>
        )
      )}
      {opened?.is === "text" && (
        <TextDialog
          heading={t("writeText")}
          does={t("add")}
          collection={target}
          onClose={() => setOpened(null)}
          save={async (text) => {
            await knowledge.write(text);
            setOpened(null);
            setSaid(t("received", { name: text.title }));
            documents.refresh();
            reloadCollections();
          }}
        />
      )}
      {opened?.is === "web" && (
        <AddWeb collection={target} onClose={() => setOpened(null)} onAdded={() => navigate({ page: "web" })} />
      )}
      {opened?.is === "delete" && (
        <DeleteDocument
          document={opened.document}
          onClose={() => setOpened(null)}
          onDeleted={() => {
            documents.removed(opened.document.id);
            documents.refresh();
            reloadCollections();
            setSaid(t("deleted", { title: opened.document.title || opened.document.origin }));
            setDeletions((count) => count + 1);
          }}
        />
      )}
    </DropZone>
  );
}
