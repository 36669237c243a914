import { useState } from "preact/hooks";
import type { Policy, RoomEntry, RoomId } from "../../sdk/index.ts";
import { useAction } from "../../shell/parts/action.ts";
import { Dialog } from "../../shell/parts/Dialog.tsx";
import { DialogActions } from "../../shell/parts/DialogActions.tsx";
import { PeoplePicker, type Person } from "../../shell/parts/PeoplePicker.tsx";
import { Problem } from "../../shell/parts/Problem.tsx";
import { useApp } from "../context.ts";
import { policies } from "../PolicyChoice.tsx";
import { TitleField } from "./TitleField.tsx";

export function CreateRoom({ onClose, onCreated }: { onClose(): void; onCreated(room: RoomId): void }) {
  const { api, t } = useApp();
  const [title, setTitle] = useState("");
  const [policy, setPolicy] = useState<Policy>("always");
  const [chosen, setChosen] = useState<readonly Person[]>([]);
  const { run, busy, error } = useAction(async () => {
    const members = chosen.map(({ id }) => id);
    const entry = await api.call<RoomEntry>("POST", "rooms", { title: title.trim(), policy, members });
    onCreated(entry.room);
  });
  return (
    <Dialog
      title={t("newRoom")}
      onClose={onClose}
      onSubmit={run}
      actions={
        <DialogActions onCancel={onClose} disabled={busy || title.trim() === ""}>
          {t("create")}
        </DialogActions>
      }
    >
      <TitleField value={title} onValue={setTitle} />
      <fieldset class="choices">
        <legend>{t("policy")}</legend>
        {policies(t).map(({ policy: value, label, hint }) => (
          <label key={value} class="choice">
            <input
              type="radio"
              name="policy"
              value={value}
              checked={policy === value}
              onChange={() => setPolicy(value)}
            />
            <span>
              {label}
              <small>{hint}</small>
            </span>
          </label>
        ))}
      </fieldset>
      <PeoplePicker nobody={t("nobodyToInvite")} chosen={chosen} onChosen={setChosen} />
      <Problem error={error} />
    </Dialog>
  );
}
