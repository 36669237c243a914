"""Whether a text speaks to the assistant: `@assistant` or `@助手`, in every room, however a site calls it."""

from __future__ import annotations

import re

__all__ = ["mentions_assistant", "without_mention"]

# Not inside an e-mail address or a longer handle. CJK text has no spaces around it, so only ASCII word characters bind.
_MENTION = re.compile(r"(?<![A-Za-z0-9_.@])@(?:assistant(?![A-Za-z0-9_])|助手)", re.IGNORECASE)


def mentions_assistant(text: str) -> bool:
    return _MENTION.search(text) is not None


def without_mention(text: str, name: str) -> str:
    """The question itself; a text that is nothing but the mention stays as it is."""
    bare = re.sub(
        rf"(?<![A-Za-z0-9_.@])@{re.escape(name)}(?![A-Za-z0-9_])", "", _MENTION.sub("", text), flags=re.IGNORECASE
    )
    return bare.strip(" \t\r\n,:，：") or text
