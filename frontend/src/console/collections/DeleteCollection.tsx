import { useState } from "preact/hooks";
import { Confirm } from "../../shell/parts/Confirm.tsx";
import { useConsole } from "../context.ts";
import { Field } from "../parts/Field.tsx";
import type { Collection } from "../types.ts";

/** As the server limits it. */
const NAME_CHARS = 150;

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
      <Field label={t("typeName", { name })} maxLength={NAME_CHARS} value={typed} onValue={setTyped} />
    </Confirm>
  );
}
