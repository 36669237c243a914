// The page's own words, in English and Chinese.

export const TEXTS = {
  en: {
    title: "Chat", signIn: "Sign in", username: "User name", password: "Password", or: "or", visit: "Enter as a visitor",
    leave: "Sign out", rooms: "Rooms", newRoom: "New room", create: "Create", older: "Earlier messages", send: "Send",
    ask: "Ask about the documents … (Enter sends, Shift+Enter breaks the line)", message: "Message", stop: "Stop", retry: "Try again",
    connecting: "Connecting …", waiting: "Connection lost; trying again …", ready: "", stopped: "stopped", failed: "failed",
    deleted: "deleted", queued: "waiting …", searching: "searching the documents …", writing: "writing …",
    sources: "Sources", isTyping: "{} is typing …", closed: "The server closed this connection; reload the page.",
    empty: "Nothing here yet. Ask a question.", wrong: "That did not work.", noRoom: "Choose or create a room.",
  },
  "zh-CN": {
    title: "聊天", signIn: "登录", username: "用户名", password: "密码", or: "或", visit: "以访客身份进入",
    leave: "退出", rooms: "房间", newRoom: "新房间", create: "创建", older: "更早的消息", send: "发送",
    ask: "就文档提问……（回车发送，Shift+回车换行）", message: "消息", stop: "停止", retry: "重试",
    connecting: "正在连接……", waiting: "连接已断开，正在重试……", ready: "", stopped: "已停止", failed: "失败",
    deleted: "已删除", queued: "等待中……", searching: "正在检索文档……", writing: "正在回答……",
    sources: "来源", isTyping: "{} 正在输入……", closed: "服务器关闭了连接，请刷新页面。",
    empty: "这里还没有消息，请提问。", wrong: "操作未成功。", noRoom: "请选择或创建一个房间。",
  },
};
