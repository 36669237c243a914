"""What is said without a language model: greetings, and that nothing was found. English and Chinese."""

from __future__ import annotations

import re
from typing import Literal

from chatserver.text import cjk_share

__all__ = ["Language", "is_small_talk", "language", "nothing_found", "nothing_quotable", "small_talk"]

type Language = Literal["en", "zh"]

_NOT_CHINESE = re.compile(r"[\u3041-\u30ff\uac00-\ud7a3]")
CHINESE_SHARE = 0.3
"""Of a text's letters: Chinese questions often hold product names in Latin letters."""

type _Kind = Literal["greeting", "thanks", "bye", "who"]

_SMALL_CHARS = 80
"""Nobody greets at greater length."""

# The names of the groups are the kinds, the weightiest first: "Hello, who are you?" asks who.
_PHRASE = re.compile(
    r"(?:(?P<who>(?:who|what) are you|what can you do(?: for me)?|what do you do|how can you help(?: me)?"
    r"|can you help(?: me)?|help|你是谁|你是誰|你是什么|你是什麼|你能做什么|你能做什麼|你会什么|你會什麼"
    r"|你能帮我什么|你能幫我什麼|帮助|幫助)"
    r"|(?P<bye>good ?bye|bye(?: bye)?|see you(?: later| soon)?|good night|晚安|再见|再見|拜拜|回头见|回頭見)"
    r"|(?P<thanks>thanks?(?: you)?(?: (?:very|so) much| a lot| again)?|many thanks|thx|cheers|great|perfect|awesome"
    r"|cool|ok(?:ay)?|got it|谢谢|謝謝|多谢|多謝|感谢|感謝|辛苦了|好的|明白了|知道了|收到|太好了)"
    r"|(?P<greeting>hi|hiya|hello|hey|howdy|greetings|good (?:morning|afternoon|evening|day)|nice to meet you"
    r"|what'?s up|how are you(?: doing)?(?: today)?|你好|您好|嗨|哈喽|哈囉"
    r"|早上好|上午好|下午好|晚上好|早安|在吗|在嗎|有人吗|有人嗎))(?![a-z])"
)
_FILLER = re.compile(
    r"(?:there|all|everyone|everybody|again|you|guys|team|bot|assistant)(?![a-z])|[啊呀呢了你您]|大家|各位"
)
_NO_LETTERS = re.compile(r"[\W_]+")
_WEIGHT: tuple[_Kind, ...] = ("who", "bye", "thanks", "greeting")

_LINES: dict[Language, dict[_Kind, str]] = {
    "en": {
        "greeting": "Hello! I answer questions from the documents I was given, and say where each answer stands."
        " What would you like to know?",
        "thanks": "You're welcome. Ask me anything else about the documents.",
        "bye": "Goodbye! Come back whenever you have a question about the documents.",
        "who": "I am an assistant that answers from the documents given to me, and says where each answer stands."
        " Just ask a question about them.",
    },
    "zh": {
        "greeting": "你好！我根据已提供的文档回答问题，并注明每个答案的出处。请问你想了解什么？",
        "thanks": "不客气。关于这些文档，还可以继续问我。",
        "bye": "再见！有关于文档的问题，随时可以再来问我。",
        "who": "我是一个根据已提供的文档回答问题的助手，会注明每个答案的出处。直接提出与文档有关的问题即可。",
    },
}
_NOTHING: dict[Language, str] = {
    "en": "I found nothing about this in the documents I was given. Try other words, or ask about what they cover.",
    "zh": "在已提供的文档中没有找到与此相关的内容。可以换一种说法，或者询问文档中涉及的内容。",
}
_WITHHELD: dict[Language, str] = {
    "en": " Here I use only what everyone in this room may read. You may read more: ask me in a room of your own.",
    "zh": "在这里我只使用房间里所有人都有权阅读的文档；你有权阅读的更多，可以在只有你的房间里再问我。",
}
_UNQUOTABLE: dict[Language, str] = {
    "en": "I found documents that may be related, but no sentence in them that answers this.",
    "zh": "找到了可能相关的文档，但其中没有能回答这个问题的句子。",
}


def language(text: str, locale: str = "en") -> Language:
    """Which of the two to answer `text` in; `locale` decides for a text without letters."""
    if not any(char.isalpha() for char in text):
        return "zh" if locale.lower().startswith("zh") else "en"
    return "zh" if cjk_share(text) > CHINESE_SHARE and not _NOT_CHINESE.search(text) else "en"


def is_small_talk(text: str) -> bool:
    """Whether `text` is nothing but a greeting, thanks, a farewell or the question what this is."""
    return _kind(text) is not None


def small_talk(text: str, locale: str = "en") -> str:
    """A friendly line in answer to small talk; to anything else, what this assistant is."""
    return _LINES[language(text, locale)][_kind(text) or "who"]


def nothing_found(text: str, locale: str = "en", *, withheld: bool = False) -> str:
    """`withheld`: whoever asks may read more than what was searched."""
    tongue = language(text, locale)
    return _NOTHING[tongue] + (_WITHHELD[tongue] if withheld else "")


def nothing_quotable(text: str, locale: str = "en") -> str:
    return _UNQUOTABLE[language(text, locale)]


def _kind(text: str) -> _Kind | None:
    text = text.strip().casefold().replace("’", "'")
    if len(text) > _SMALL_CHARS:
        return None
    kinds: set[str] = set()
    at = 0
    while at < len(text):
        if gap := _NO_LETTERS.match(text, at):
            at = gap.end()
        elif phrase := _PHRASE.match(text, at):
            at = phrase.end()
            kinds.add(str(phrase.lastgroup))
        elif kinds and (filler := _FILLER.match(text, at)):
            at = filler.end()
        else:
            return None
    return next((kind for kind in _WEIGHT if kind in kinds), None)
