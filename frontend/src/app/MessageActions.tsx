import type { Message } from "../sdk/index.ts";
import { Menu, type MenuItem } from "../shell/parts/Menu.tsx";
import { SmallButton } from "../shell/parts/SmallButton.tsx";
import { copyText } from "../ui/clipboard.ts";
import { Copy, Edit, More, Reply, Trash } from "../ui/icons.tsx";
import { useApp } from "./context.ts";
import { useRoomActions } from "./room-context.ts";

/** What one may do with a message; shown when one points at it or comes by keyboard, always on touch screens. */
export function MessageActions(props: { message: Message; mayEdit: boolean; mayDelete: boolean }) {
  const { t } = useApp();
  const { reply, edit, askDelete } = useRoomActions();
  const { message } = props;
  const items: MenuItem[] = [
    { label: t("reply"), icon: <Reply />, onSelect: () => reply(message) },
    { label: t("copy"), icon: <Copy />, onSelect: () => void copyText(message.text) },
    ...(props.mayEdit ? [{ label: t("edit"), icon: <Edit />, onSelect: () => edit(message.id) }] : []),
    ...(props.mayDelete
      ? [{ label: t("delete"), icon: <Trash />, danger: true, onSelect: () => askDelete(message) }]
      : []),
  ];
  return (
    <div class="message-actions">
      <SmallButton class="not-touch" label={t("reply")} onClick={() => reply(message)}>
        <Reply />
      </SmallButton>
      <Menu
        label={t("messageActions", { name: message.author.name })}
        class="cs-icon-button"
        size="sm"
        sections={[{ items }]}
      >
        <More />
      </Menu>
    </div>
  );
}
