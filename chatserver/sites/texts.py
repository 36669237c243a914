"""What a site says in the widget, in the language of the visitor."""

from __future__ import annotations

from typing import Annotated

import msgspec
from django.core.exceptions import ValidationError
from msgspec import Meta, Struct

__all__ = ["GREETING_CHARS", "SUGGESTIONS", "SUGGESTION_CHARS", "SiteText", "check_texts", "text_for"]

SUGGESTIONS = 6
SUGGESTION_CHARS = 200
GREETING_CHARS = 2000

type _Suggestion = Annotated[str, Meta(min_length=1, max_length=SUGGESTION_CHARS)]


class SiteText(Struct, frozen=True, forbid_unknown_fields=True):
    """In one language. What is empty is taken from the site's own."""

    greeting: Annotated[str, Meta(max_length=GREETING_CHARS)] = ""
    suggestions: Annotated[tuple[_Suggestion, ...], Meta(max_length=SUGGESTIONS)] = ()


type _Texts = dict[Annotated[str, Meta(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$")], SiteText]

_texts = msgspec.json.Decoder(_Texts)


def check_texts(value: object) -> None:
    """A field validator of Django's: raises `ValidationError` saying what is wrong and where."""
    try:
        msgspec.convert(value, _Texts)
    except msgspec.ValidationError as error:
        raise ValidationError(
            f'{error}. Expected is {{"zh-CN": {{"greeting": "…", "suggestions": ["…"]}}}}, by language.'
        ) from None


def text_for(own: SiteText, locale: str, texts: str, wanted: str) -> SiteText:
    """What is said to a visitor who wants language `wanted`: `own` is in `locale`, `texts` (JSON) holds others.

    Another region's form of a language is better than another language: `zh-TW` gets `zh-CN` when that is there.
    """
    others = _texts.decode(texts)
    wanted, exact = wanted.lower(), {name.lower(): text for name, text in others.items()}
    if not wanted or wanted == locale.lower():
        return own
    found = exact.get(wanted)
    if found is None:
        if _language(wanted) == _language(locale):
            return own
        found = next((text for name, text in exact.items() if _language(name) == _language(wanted)), SiteText())
    return SiteText(found.greeting or own.greeting, found.suggestions or own.suggestions)


def _language(locale: str) -> str:
    return locale.lower().partition("-")[0]
