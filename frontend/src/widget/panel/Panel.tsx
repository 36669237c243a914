import { useRef, useState } from "preact/hooks";
import { isComposing } from "../../ui/composer.tsx";
import { useVisibleHeight } from "../../ui/hooks.ts";
import { Chat } from "./Chat.tsx";
import { trapTab, useFullScreen } from "./full-screen.ts";
import { Header } from "./Header.tsx";
import { useHere, useVisit } from "./here.ts";

/** The dialog: the conversation, or the list of them. `focus` counts up when the visitor opened it to write. */
export function Panel({ open, focus }: { open: boolean; focus: number }) {
  const { host, t, conversation } = useHere();
  const [list, showList] = useState(false);
  const [panel, setPanel] = useState<HTMLElement | null>(null);
  const name = useVisit((visit) => visit.site?.name ?? host.site?.name ?? "");
  const full = useFullScreen(open);
  const back = useRef<HTMLButtonElement>(null);
  useVisibleHeight(full && open ? panel : null);

  function onKeyDown(event: KeyboardEvent) {
    if (event.key === "Escape" && !isComposing(event) && !event.defaultPrevented) {
      event.preventDefault();
      if (list) showList(false);
      else host.close();
    }
    if (full && panel) trapTab(event, panel);
    // The page's own shortcuts are not meant: it sees only that a key was pressed in the widget.
    event.stopPropagation();
  }

  return (
    <section
      ref={setPanel}
      class="panel"
      role="dialog"
      aria-modal={full}
      aria-label={t("panel", { name })}
      hidden={!open}
      onKeyDown={onKeyDown}
    >
      <Header list={list} onList={showList} back={back} />
      {list && conversation ? (
        <conversation.History onShow={() => showList(false)} />
      ) : (
        <Chat open={open} focus={focus} />
      )}
    </section>
  );
}
