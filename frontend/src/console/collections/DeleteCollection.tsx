import { useState } from "preact/hooks";
import { Confirm } from "../../shell/parts/Confirm.tsx";
import { useConsole } from "../context.ts";
import type { Collection } from "../types.ts";

/** All its documents go: who means it types its name. */
export function DeleteCollection(props: { collection: Collection; onClose(): void; onDeleted(): void }) {
  const { t, knowledge } = useConsole();
  const { id, name, documents } = props.collection;
  const [typed, setTyped] = useState("");
  return (
    <Confirm
      title={t("deleteCollection", { name })}
      lead={t("deleteCollectionLead", { count: documents })}
      does={t("delete")}
      unready={typed.trim() !== name.trim()}
      act={() => knowledge.removeCollection(id)}
      onClose={props.onClose}
      onDone={props.onDeleted}
    >
      <label class="field">
        <span>{t("typeName", { name })}</span>
        <input
          class="cs-input"
          autocomplete="off"
          spellcheck={false}
          value={typed}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
      </label>
    </Confirm>
  );
}
