"""What our own pages say, in both languages. The rooms app and the widget bring their own texts."""

from __future__ import annotations

from django.http import HttpRequest

__all__ = ["TEXTS", "language"]

TEXTS: dict[str, dict[str, str]] = {
    "en": {
        "title": "Chat that answers from your documents",
        "lead": "People ask, in a room or on your web site. The answer streams to everyone there, with its sources.",
        "rooms": "Open rooms",
        "rooms_text": "Talk with your team and the assistant; answers appear for all while they are written.",
        "widget": "See the widget",
        "widget_text": "The chat on a coffee roaster's site: another origin, one line of HTML.",
        "knowledge": "Fill the knowledge",
        "knowledge_text": "Upload documents, see what the assistant finds in them, and answer what it could not.",
        "api": "Read the API",
        "api_text": "Every call, with a page to try it. Scripts can ask over plain HTTP.",
        "admin": "Manage",
        "admin_text": "Sites and their origins, people and their roles, and how answers were rated.",
        "answers": "How answers are made now",
        "answers_model": "A language model writes them from the passages that fit:",
        "answers_quoting": "No language model is connected: the best sentences of the documents are quoted.",
        "answers_connect": "To connect one, set LLM_BASE_URL and LLM_MODEL, or start Ollama on this machine.",
        "no_demo": "The demo site does not run here.",
        "unbuilt": "The front end is not built",
        "unbuilt_text": "The rooms app and the widget are built from their sources once. In the server's folder, run:",
        "unbuilt_then": "Then start the server again and reload this page.",
        "language": "Language",
        "app_name": "Chat rooms",
        "app_short_name": "Rooms",
        "app_description": "Rooms with an assistant that answers from your documents",
        "app_loading": "Opening your rooms …",
        "app_noscript": "This app needs JavaScript.",
        "console_name": "Knowledge",
        "console_loading": "Opening the console …",
    },
    "zh-CN": {
        "title": "会用您的文档回答问题的聊天服务",
        "lead": "在聊天室或您的网站上提问，回答会实时呈现给在场的每个人，并注明出处。",
        "rooms": "进入聊天室",
        "rooms_text": "与团队成员和助手交谈；回答一边生成，大家一边就能看到。",
        "widget": "体验网站组件",
        "widget_text": "一家咖啡烘焙坊网站上的聊天窗口：位于另一个源，只需一行 HTML。",
        "knowledge": "充实知识库",
        "knowledge_text": "上传文档，查看助手能从中找到什么，并补上它没能回答的问题。",
        "api": "查看接口文档",
        "api_text": "列出全部接口，并可在页面上直接试用。脚本也能通过普通 HTTP 提问。",
        "admin": "管理后台",
        "admin_text": "管理站点及其来源、用户与角色，以及对回答的评价。",
        "answers": "目前如何生成回答",
        "answers_model": "由语言模型根据匹配的段落撰写：",
        "answers_quoting": "尚未接入语言模型：直接引用文档中最相关的句子。",
        "answers_connect": "如需接入，请设置 LLM_BASE_URL 和 LLM_MODEL，或在本机启动 Ollama。",
        "no_demo": "这里没有运行演示网站。",
        "unbuilt": "前端尚未构建",
        "unbuilt_text": "聊天室应用和网站组件需要先从源代码构建一次。请在服务器的目录中运行：",
        "unbuilt_then": "然后重新启动服务器，并刷新本页。",
        "language": "语言",
        "app_name": "聊天室",
        "app_short_name": "聊天室",
        "app_description": "带有助手的聊天室，助手会根据您的文档回答问题",
        "app_loading": "正在打开聊天室……",
        "app_noscript": "此应用需要启用 JavaScript。",
        "console_name": "知识库",
        "console_loading": "正在打开控制台……",
    },
}


def language(request: HttpRequest) -> str:
    """The request's language, as `LocaleMiddleware` found it, by the wire's name."""
    return "zh-CN" if getattr(request, "LANGUAGE_CODE", "").startswith("zh") else "en"
