/** The texts of conversations; what the panel around them says as well is in its own. */
import { defineTexts } from "../../ui/texts.ts";
import type { Host } from "../host.ts";
import { textsFor } from "../labels.ts";
import { useHere } from "../panel/here.ts";

const TEXTS = defineTexts({
  en: {
    byAssistant: "Answers from our documents",
    byOperator: "{name} answers you",
    someone: "Our team",
    log: "Messages",
    suggestions: "Suggested questions",
    newest: "To the latest message",
    older: "Loading earlier messages…",

    queued: "Waiting its turn…",
    searching: "Searching the documents…",
    writing: "Writing…",
    typing: "{name} is typing…",
    edited: "edited",

    waiting: "Will be sent when the connection is back",
    notSent: "Not sent. {reason}",
    resend: "Try again",
    discard: "Discard",

    historyEmpty: "Nothing here yet. What you ask is kept here.",
    nothingSaid: "Nothing said yet",
    youSaid: "You: {text}",
    unread: { one: "{count} unread message", other: "{count} unread messages" },
    sound: "Sound for new messages",

    stopped: "Stopped.",
    failed: "The answer failed.",
    sources: { one: "{count} source", other: "{count} sources" },
    openSource: "Open document",
    closeSource: "Close source {n}",

    copy: "Copy",
    copied: "Copied",
    again: "Answer again",
    good: "Helpful",
    bad: "Not helpful",
    goodComment: "What was helpful? (optional)",
    badComment: "What should be better? (optional)",
    sendComment: "Send",
    skipComment: "Not now",
    thanks: "Thank you for telling us.",
  },
  "zh-CN": {
    byAssistant: "根据我们的文档回答",
    byOperator: "{name} 正在为您服务",
    someone: "客服人员",
    log: "消息",
    suggestions: "您可以这样问",
    newest: "查看最新消息",
    older: "正在加载更早的消息…",
    queued: "排队中…",
    searching: "正在检索文档…",
    writing: "正在回答…",
    typing: "{name} 正在输入…",
    edited: "已编辑",
    waiting: "恢复连接后自动发送",
    notSent: "未发送。{reason}",
    resend: "重试",
    discard: "放弃",
    historyEmpty: "暂无对话。您的提问会保留在这里。",
    nothingSaid: "还没有消息",
    youSaid: "您：{text}",
    unread: "{count} 条未读消息",
    sound: "新消息提示音",
    stopped: "已停止。",
    failed: "回答失败。",
    sources: "{count} 个来源",
    openSource: "打开文档",
    closeSource: "关闭来源 {n}",
    copy: "复制",
    copied: "已复制",
    again: "重新回答",
    good: "有帮助",
    bad: "没有帮助",
    goodComment: "哪里对您有帮助？（选填）",
    badComment: "哪里需要改进？（选填）",
    sendComment: "提交",
    skipComment: "暂不填写",
    thanks: "感谢您的反馈。",
  },
});

type Translate = ReturnType<(typeof TEXTS)["in"]>;

const made = new WeakMap<Host, Translate>();

export function useTexts(): Translate {
  const { host } = useHere();
  const known = made.get(host) ?? TEXTS.in(host.locale, textsFor(host.locale, host.moreTexts));
  made.set(host, known);
  return known;
}
