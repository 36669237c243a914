import { useState } from "preact/hooks";
import type { RoomId } from "../../sdk/index.ts";
import { useApp } from "../context.ts";
import { useAction } from "../parts/action.ts";
import { Dialog } from "../parts/Dialog.tsx";
import { DialogActions } from "../parts/DialogActions.tsx";
import { Problem } from "../parts/Problem.tsx";
import { PeoplePicker, type Person } from "./PeoplePicker.tsx";

export function Invite({ room, onClose }: { room: RoomId; onClose(): void }) {
  const { api, t } = useApp();
  const [chosen, setChosen] = useState<readonly Person[]>([]);
  const { run, busy, error } = useAction(async () => {
    for (const person of chosen) {
      await api.call("POST", `rooms/${room}/members`, { user: person.id });
      // Whoever is in is not invited again when a later one fails.
      setChosen((rest) => rest.filter(({ id }) => id !== person.id));
    }
    onClose();
  });
  return (
    <Dialog
      title={t("invite")}
      onClose={onClose}
      onSubmit={run}
      actions={
        <DialogActions onCancel={onClose} disabled={busy || chosen.length === 0}>
          {chosen.length === 0 ? t("inviteNone") : t("inviteChosen", { count: chosen.length })}
        </DialogActions>
      }
    >
      <PeoplePicker room={room} chosen={chosen} onChosen={setChosen} />
      <Problem error={error} />
    </Dialog>
  );
}
