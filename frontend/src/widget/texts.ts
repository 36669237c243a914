/** The texts of the panel. Those of the launcher are in labels.ts: they are on every page view. */
import { defineTexts } from "../ui/texts.ts";

export const TEXTS = defineTexts({
  en: {
    panel: "Chat with {name}",
    close: "Close chat",
    back: "Back to the chat",
    fresh: "New conversation",
    history: "Your conversations",

    label: "Your message",
    placeholder: "Ask a question…",
    send: "Send",
    stop: "Stop the answer",

    notLoaded: "The conversation could not be loaded.",
    connecting: "Connecting…",
    offline: "No connection. You can go on writing: messages are sent when it is back.",
    retryNow: "Try now",
    ended: "You have been signed out of this chat.",
    startAgain: "Start again",
    closed: "This chat is closed at the moment.",
    outdated: "This chat has been updated. Please reload the page.",
    tooMuch: "That did not work: {reason}",
  },
  "zh-CN": {
    panel: "与{name}聊天",
    close: "关闭聊天",
    back: "返回聊天",
    fresh: "新对话",
    history: "历史对话",

    label: "您的消息",
    placeholder: "请输入您的问题…",
    send: "发送",
    stop: "停止回答",

    notLoaded: "对话加载失败。",
    connecting: "正在连接…",
    offline: "网络已断开。您可以继续输入，恢复连接后会自动发送。",
    retryNow: "立即重试",
    ended: "您已退出此聊天。",
    startAgain: "重新开始",
    closed: "聊天服务暂时关闭。",
    outdated: "聊天已更新，请刷新页面。",
    tooMuch: "操作未成功：{reason}",
  },
});

export type Translate = ReturnType<(typeof TEXTS)["in"]>;
