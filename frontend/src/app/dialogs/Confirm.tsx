import type { Message, RoomId } from "../../sdk/index.ts";
import { useMe } from "../../shell/context.ts";
import { Confirm } from "../../shell/parts/Confirm.tsx";
import { useApp } from "../context.ts";

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
