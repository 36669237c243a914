import type { Message, RoomId } from "../../sdk/index.ts";
import { useApp, useMe } from "../context.ts";
import { useAction } from "../parts/action.ts";
import { Dialog } from "../parts/Dialog.tsx";
import { Problem } from "../parts/Problem.tsx";

/** Asks before something that cannot be taken back. The way out has the focus. */
function Confirm(props: { title: string; lead: string; does: string; act(): Promise<unknown>; onClose(): void }) {
  const { t } = useApp();
  const { run, busy, error } = useAction(async () => {
    await props.act();
    props.onClose();
  });
  return (
    <Dialog
      title={props.title}
      onClose={props.onClose}
      onSubmit={run}
      actions={
        <>
          {/* biome-ignore lint/a11y/noAutofocus: in a dialog, that is where the focus goes */}
          <button type="button" class="cs-button" autoFocus onClick={props.onClose}>
            {t("cancel")}
          </button>
          <button type="submit" class="cs-button" data-kind="danger" disabled={busy}>
            {props.does}
          </button>
        </>
      }
    >
      <p>{props.lead}</p>
      <Problem error={error} />
    </Dialog>
  );
}

export function ConfirmDeleteMessage({ message, onClose }: { message: Message; onClose(): void }) {
  const { client, t } = useApp();
  const act = () => client.remove(message.id);
  return (
    <Confirm title={t("deleteMessage")} lead={t("deleteMessageLead")} does={t("delete")} act={act} onClose={onClose} />
  );
}

interface OfRoom {
  room: RoomId;
  title: string;
  onClose(): void;
}

export function ConfirmLeave({ room, title, onClose }: OfRoom) {
  const { api, t, navigate } = useApp();
  const me = useMe();
  async function act() {
    await api.call("DELETE", `rooms/${room}/members/${me?.id}`);
    navigate({ room: null }, { replace: true });
  }
  return (
    <Confirm title={t("leave")} lead={t("leaveLead", { room: title })} does={t("leave")} act={act} onClose={onClose} />
  );
}

export function ConfirmDeleteRoom({ room, title, onClose }: OfRoom) {
  const { api, t, navigate } = useApp();
  async function act() {
    await api.call("DELETE", `rooms/${room}`);
    navigate({ room: null }, { replace: true });
  }
  const lead = t("deleteLead", { room: title });
  return <Confirm title={t("deleteRoom")} lead={lead} does={t("delete")} act={act} onClose={onClose} />;
}

export function ConfirmRemoveMember(props: OfRoom & { user: { id: string; name: string } }) {
  const { api, t } = useApp();
  const { room, title, user, onClose } = props;
  const act = () => api.call("DELETE", `rooms/${room}/members/${user.id}`);
  const lead = t("removeLead", { name: user.name, room: title });
  return <Confirm title={t("removeMember")} lead={lead} does={t("remove")} act={act} onClose={onClose} />;
}
