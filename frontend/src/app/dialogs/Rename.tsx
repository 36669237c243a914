import { useState } from "preact/hooks";
import type { RoomId } from "../../sdk/index.ts";
import { useAction } from "../../shell/parts/action.ts";
import { Dialog } from "../../shell/parts/Dialog.tsx";
import { DialogActions } from "../../shell/parts/DialogActions.tsx";
import { Problem } from "../../shell/parts/Problem.tsx";
import { useApp } from "../context.ts";
import { TitleField } from "./TitleField.tsx";

export function Rename({ room, title, onClose }: { room: RoomId; title: string; onClose(): void }) {
  const { api, t } = useApp();
  const [name, setName] = useState(title);
  const { run, busy, error } = useAction(async () => {
    await api.call("PATCH", `rooms/${room}`, { title: name.trim() });
    onClose();
  });
  return (
    <Dialog
      title={t("rename")}
      onClose={onClose}
      onSubmit={run}
      actions={
        <DialogActions onCancel={onClose} disabled={busy || name.trim() === ""}>
          {t("save")}
        </DialogActions>
      }
    >
      <TitleField value={name} onValue={setName} />
      <Problem error={error} />
    </Dialog>
  );
}
