"""Whether a sentence holds the kind of thing that is asked for: a date for "when", a number for "how many". Pure."""

from __future__ import annotations

import re

from chatserver.keywords import AnswerType

__all__ = ["fits"]

_TIME = re.compile(
    r"\b(?:1\d{3}|20\d{2})s?\b|\b(?:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|century|centuries|decade|BCE?|AD|spring|summer|autumn|winter)\b"
    r"|\d{1,2}:\d{2}|\d+\s*(?:年|月|日|世纪|世紀|时|時|点)|[〇零一二三四五六七八九十]+(?:年|月|日|世纪|世紀)|(?:[周週]|星期|礼拜|禮拜)[一二三四五六日天末]|年间|年間|时期|時期|年代|公元|朝"
)
_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|twenty|thirty|forty|fifty|hundreds?|thousands?"
    r"|millions?|billions?|half|third|quarter|twice|once|both|several|percent)\b|[一二两兩三四五六七八九十百千万萬亿億半数數]",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z][\w’'-]+")
_CAUSE = re.compile(
    r"\b(?:because|since|due|reasons?|caused?|causes|so that|in order|result|resulted|led|therefore|thus|to avoid"
    r"|to prevent)\b"
    r"|因为|因為|由于|由於|因此|所以|原因|为了|為了|导致|導致|以便|因",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"\b(?:in|at|near|from|to|of|on)\s+(?:the\s+)?[A-Z]|[省市县縣州国國城镇鎮村区區岛島山河湖海洋路街]|位于|位於|在"
)
_MANNER = re.compile(
    r"\b(?:by|using|through|via|with|first|then|run|click|use|set)\b|通过|通過|使用|利用|方式|方法|先|以", re.IGNORECASE
)
_CUES: dict[AnswerType, re.Pattern[str]] = {
    "time": _TIME,
    "quantity": _NUMBER,
    "person": _NAME,
    "place": _PLACE,
    "reason": _CAUSE,
    "manner": _MANNER,
}


def fits(kind: AnswerType, text: str) -> bool:
    """True where `text` may hold an answer of this kind by its looks; never for `other`."""
    cue = _CUES.get(kind)
    return cue is not None and cue.search(text) is not None
