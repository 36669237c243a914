import { useState } from "preact/hooks";
import type { RoomId } from "../../sdk/index.ts";
import { useAction } from "../../shell/parts/action.ts";
import { Dialog } from "../../shell/parts/Dialog.tsx";
import { DialogActions } from "../../shell/parts/DialogActions.tsx";
import { PeoplePicker, type Person } from "../../shell/parts/PeoplePicker.tsx";
import { Problem } from "../../shell/parts/Problem.tsx";
import { useApp } from "../context.ts";

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
      <PeoplePicker room={room} nobody={t("nobodyToInvite")} chosen={chosen} onChosen={setChosen} />
      <Problem error={error} />
    </Dialog>
  );
}
