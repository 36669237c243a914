"""Makes a follow-up question stand alone, so that it can be searched: "And in winter?" names nothing by itself."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from contextlib import aclosing

from chatserver import tracing
from chatserver.errors import ProviderError
from chatserver.keywords import keywords
from chatserver.providers.base import ChatMessage, ChatModel, Finish, Prompt
from chatserver.providers.replies import Language, language
from chatserver.rag.prompt import recent
from chatserver.rag.retrieve import SECONDS
from chatserver.rag.types import Question, Turn

__all__ = ["standalone", "widened"]

log = logging.getLogger(__name__)

REWRITE_SECONDS = 10.0
REWRITE_CHARS = 400
"""A longer 'question' is the model explaining itself."""
TURNS = 6
TURN_CHARS = 600
"""A question refers to how the answer before it began; the rest costs time to the first token."""
BACK = 3
"""User questions that are looked back at for a subject."""
FEW = 2
"""A question with no more keywords than this, and a word that points back, is about what was said before."""
PLAIN = 4
"""A question with so many keywords, and no word that points back, stands alone."""
FULL = 2
"""So many keywords make a question of its own of one that begins with "and", if it is a whole sentence."""

_POINTS_BACK = re.compile(
    r"\b(?:it|its|they|them|their|theirs|this|that|these|those|he|him|his|she|her|hers|there|then|one|ones|same|former|latter|else)\b"
    r"|[它他她]们?|[它他她]們|[这這那]|(?<![尤土])其(?![他它中实實次])|(?<!因)此|(?<![应應])[该該]|上述|前者|后者|後者|刚才|剛才",
    re.IGNORECASE,
)  # fmt: skip
_FOLLOWS = re.compile(
    r"\s*(?:and|but|so|or|also|then|what about|how about|what of|why not|what else|anything else)\b"
    r"|\s*(?:那么?|那麼|然后|然後|还有|還有|另外|以及|而且|但是|所以)",
    re.IGNORECASE,
)

_ASKS = re.compile(
    r"\b(?:how|what|where|when|who|why|which)\s+(?:\w+\s+){0,2}?(?:do|does|did|is|are|was|were|can|could|may|must|should"
    r"|will|would|has|have|had)\b|^\s*(?:and|but|so|or|also|then)?,?\s*(?:do|does|did|is|are|was|were|can|could|may|should)\b"
    r"|怎么(?!样)|怎麼(?!樣)|怎样|怎樣|如何|什么|什麼|哪|谁|誰|几|幾|多少|为何|為何|是否|吗|嗎",
    re.IGNORECASE,
)

_SYSTEM: dict[Language, str] = {
    "en": "Rewrite the user's last message as one question that can be understood without the conversation: replace"
    " what points back by the names it stands for. Keep its language and meaning, answer nothing, add nothing. If it"
    " already stands alone, repeat it. Reply with the question only, in one line.",
    "zh": "把用户的最后一条消息改写成一个不看对话也能理解的问题：把指代前文的词换成所指的名称。保持原来的语言和含义，"
    "不要回答，不要补充。如果它本身已经完整，就照原样重复。只回复这个问题，占一行。",
}
_LABELS: dict[Language, tuple[str, str, str]] = {
    "en": ("User", "Assistant", "Last message"),
    "zh": ("用户", "助手", "最后一条消息"),
}
_QUOTES = "\"'“”‘’「」`* "
_PREFIX = re.compile(r"^(?:stand-?alone |rewritten )?question\s*[:：]\s*|^(?:改写后的)?问题\s*[:：]\s*", re.IGNORECASE)


async def standalone(question: Question, model: ChatModel) -> str:
    """The question with what it refers to. A model that writes is asked once, for at most `REWRITE_SECONDS`, unless the
    question plainly refers to nothing; when that fails, or the model only quotes, earlier questions are put before one
    that needs them."""
    if model.writes and question.history and not _stands(question.text):
        try:
            with SECONDS.time("rewrite"):
                async with asyncio.timeout(REWRITE_SECONDS):
                    return await tracing.within("rewrite", _rewritten(question, model))
        except (ProviderError, TimeoutError) as error:
            log.warning("a question was not rewritten, earlier ones widen it instead: %s", str(error) or "timeout")
    return widened(question)


def widened(question: Question) -> str:
    """The question, after the last ones of the user that give it a subject where it has too little of its own."""
    parts = [question.text.strip()]
    earlier = [turn.text.strip() for turn in question.history if turn.role == "user"]
    for text in earlier[: -BACK - 1 : -1]:
        if not _leans(parts[0]):
            break
        parts.insert(0, text[:TURN_CHARS])
    return "\n".join(part for part in parts if part)


def _leans(text: str) -> bool:
    subjects = _subjects(text)
    if subjects == 0:
        return True
    if subjects <= FEW and _POINTS_BACK.search(text):
        return True
    return _FOLLOWS.match(text) is not None and not (subjects >= FULL and _ASKS.search(text))


def _stands(text: str) -> bool:
    """Whether the question has so much to say, and so little that points anywhere, that rewriting would repeat it. The
    call that is saved comes before the first word of the answer."""
    return _subjects(text) >= PLAIN and not (_POINTS_BACK.search(text) or _FOLLOWS.match(text))


def _subjects(text: str) -> float:
    """How many keywords the question has. A Chinese word of three characters gives two bigrams."""
    found = sum(weight for weight in keywords(text).values() if weight >= 0.5)
    return found if language(text) == "en" else found / 2


async def _rewritten(question: Question, model: ChatModel) -> str:
    """Raises `ProviderError` also when what comes back is no single short question."""
    pieces: list[str] = []
    async with aclosing(model.stream(_prompt(question))) as stream:
        async for item in stream:
            if isinstance(item, Finish):
                break
            pieces.append(item.text)
            if sum(map(len, pieces)) > REWRITE_CHARS:
                raise ProviderError("malformed", "the rewritten question is too long")
    text = _PREFIX.sub("", "".join(pieces).strip(_QUOTES + "\n")).strip(_QUOTES)
    if not text or "\n" in text:
        raise ProviderError("malformed", "the rewritten question is not one line")
    return text


def _prompt(question: Question) -> Prompt:
    tongue = language(question.text, question.locale)
    user, assistant, last = _LABELS[tongue]
    lines = [f"{user if turn.role == 'user' else assistant}: {turn.text}" for turn in _tail(question.history)]
    lines.append(f"{last}: {question.text.strip()}")
    messages = (ChatMessage("system", _SYSTEM[tongue]), ChatMessage("user", "\n\n".join(lines)))
    return Prompt(messages=messages, question=question.text, locale=question.locale)


def _tail(history: Sequence[Turn]) -> list[Turn]:
    return [Turn(turn.role, turn.text[:TURN_CHARS]) for turn in recent(history[-TURNS:])]
