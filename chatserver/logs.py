"""The logs of every process: the standard `logging`, as lines for people (`text`) or as one JSON object each (`json`).

Modules just log. What a line is about - the request, socket (`conn`), room, answer, document - is bound once, at the
edge where it comes in (`bind`, `bound`), and every line below it carries it, across tasks and threads. Nothing leaves
before `redactor` has seen it, whoever logged it.
"""

from __future__ import annotations

import json
import logging
import logging.config
import re
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from structlog.contextvars import bind_contextvars, bound_contextvars, clear_contextvars, merge_contextvars
from structlog.processors import TimeStamper, format_exc_info
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name

from chatserver import tracing
from chatserver.config import Config, config, secret_key

__all__ = ["ACCESS", "bind", "bound", "clear", "configure", "format_of", "formatter", "logging_config", "redactor"]

type _Event = MutableMapping[str, Any]

ACCESS = logging.getLogger("chatserver.access")
"""A line for each HTTP request and each end of a socket."""
FIELDS = ("method", "path", "status", "ms", "code", "seconds", "frames", "origin")
"""What a line may carry besides its text and what is bound: other libraries hand objects of theirs to `extra`."""
FIRST = ("timestamp", "level", "logger", "event")
OURS = ("timestamp", "level", "logger")
CHARS = 16 * 1024
"""A longer text is cut."""
SECRET_CHARS = 6
"""A shorter secret of the settings is not looked for: it would be found in ordinary words."""

bind, bound, clear = bind_contextvars, bound_contextvars, clear_contextvars


def format_of(settings: Config) -> Literal["text", "json"]:
    """`LOG_FORMAT`; without it JSON where the server is public over TLS and nobody watches a terminal."""
    if settings.log_format:
        return "json" if settings.log_format == "json" else "text"
    return "json" if settings.public_url.startswith("https://") and not sys.stderr.isatty() else "text"


def logging_config(settings: Config) -> dict[str, Any]:
    """For `logging.config.dictConfig`: everything to stderr, in one form, whoever set up handlers before."""
    access = settings.log_level
    if format_of(settings) == "text" and access != "DEBUG":
        access = "WARNING"  # people read other lines
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"ours": {"()": formatter}},
        "filters": {"brief": {"()": lambda: _brief}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "ours"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "chatserver": {"level": settings.log_level},
            "consumers": {"level": settings.log_level},
            "chatserver.access": {"level": access},
            # handlers that Django and uvicorn bring along
            "django": {"handlers": []},
            "django.server": {"handlers": [], "propagate": True},
            "uvicorn": {"handlers": [], "propagate": True},
            "uvicorn.access": {"handlers": [], "propagate": True, "level": "WARNING"},
            # asgiref's note that a client went away mid-request is no event of ours
            "django.request": {"level": "ERROR"},
            # every scanner makes up names of hosts
            "django.security.DisallowedHost": {"filters": ["brief"]},
            # says every few seconds that the receiver is away; we count what is lost and say it once a minute
            "opentelemetry": {"level": "CRITICAL"},
        },
    }


def _brief(record: logging.LogRecord) -> bool:
    """One line, as a warning: it says all, and nothing here has failed."""
    record.exc_info = record.exc_text = None
    record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


def configure(settings: dict[str, Any]) -> None:
    """Django's `LOGGING_CONFIG`; also for processes that do without Django."""
    logging.config.dictConfig(settings)
    # A warning of Python's would else be a line that is no JSON.
    logging.captureWarnings(format_of(config()) == "json")


def formatter() -> logging.Formatter:
    """What turns records into lines; for handlers that others make, as gunicorn's."""
    render = _json if format_of(config()) == "json" else _text
    return ProcessorFormatter(
        foreign_pre_chain=[
            merge_contextvars,
            _add_trace,
            add_log_level,
            add_logger_name,
            ExtraAdder(FIELDS),
            TimeStamper(fmt="iso", utc=True),
            format_exc_info,
        ],
        processors=[ProcessorFormatter.remove_processors_meta, redactor(_secrets(config())), render],
    )


def _add_trace(logger: Any, method: str, event: _Event) -> _Event:
    if trace := tracing.trace_id():
        event["trace"] = trace
    return event


# --- secrets ---------------------------------------------------------------------------------------------------------

_HIDDEN = "***"
_NAMES = r"password|passwd|passphrase|secret|token|ticket|api[_-]?key|access[_-]?key|secret[_-]?key|credential"
_SEPARATOR = r"""(?:["']\s*,|["']?\s*[=:])\s*b?["']?"""
# Every repetition is bounded, so that no text, however made, takes long.
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # a password in a URL: up to the last @ before the path
    (re.compile(r"\b([a-z][a-z0-9+.-]{0,20}://[^\s/:@]{0,100}):[^\s/]{1,200}@", re.IGNORECASE), rf"\1:{_HIDDEN}@"),
    # header lines
    (
        re.compile(rf"""\b(authorization|(?:set-)?cookie)({_SEPARATOR})[^"'\r\n]{{1,4096}}""", re.IGNORECASE),
        rf"\1\2{_HIDDEN}",
    ),
    (re.compile(r"\b(bearer)\s{1,4}[\w.~+/=-]{6,4096}", re.IGNORECASE), rf"\1 {_HIDDEN}"),
    # access tokens, our other tokens (`new_token`), keys of model providers
    (re.compile(r"\beyJ[\w-]{5,4096}\.[\w-]{2,4096}\.[\w-]{0,4096}"), _HIDDEN),
    (re.compile(r"(?<![\w/.-])(?:[a-z]_)?[A-Za-z0-9_-]{43}(?![\w-])"), _HIDDEN),
    (re.compile(r"\bsk-[\w-]{8,4096}"), _HIDDEN),
    # name=value, "name": "value"
    (re.compile(rf"""((?:{_NAMES}))({_SEPARATOR})[^\s"'&,;)\]}}]{{4,4096}}""", re.IGNORECASE),
     rf"\1\2{_HIDDEN}"),
)  # fmt: skip
_SECRET_FIELD = re.compile(rf"(?:{_NAMES}|authorization|cookie)$", re.IGNORECASE)


def _secrets(settings: Config) -> list[str]:
    """The very values that the settings keep."""
    found = [getattr(settings, name) for name in Config.__struct_fields__ if re.search(r"_key$|_password$", name)]
    found += [secret_key(settings), *(pair.partition("=")[2].strip() for pair in settings.otlp_headers.split(","))]
    for url in f"{settings.database_url},{settings.redis_url}".split(","):
        if password := urlsplit(url.strip()).password:
            found += [password, unquote(password)]
    return sorted({value for value in found if len(value) >= SECRET_CHARS}, key=len, reverse=True)


def redactor(secrets: list[str]) -> Callable[[Any, str, _Event], _Event]:
    """A processor that takes `secrets`, and whatever looks like one, out of every text of an event."""
    known = re.compile("|".join(map(re.escape, secrets))) if secrets else None

    def clean(text: str) -> str:
        if len(text) > CHARS:
            text = f"{text[:CHARS]}… ({len(text)} characters)"
        if known is not None:
            text = known.sub(_HIDDEN, text)
        for pattern, instead in _PATTERNS:
            text = pattern.sub(instead, text)
        return text

    def redact(logger: Any, method: str, event: _Event) -> _Event:
        for name, value in event.items():
            if name in OURS:
                continue
            if _SECRET_FIELD.search(name):
                event[name] = _HIDDEN
            elif not isinstance(value, int | float | None):
                event[name] = clean(value if isinstance(value, str) else repr(value))
        return event

    return redact


# --- forms -----------------------------------------------------------------------------------------------------------

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


def _json(logger: Any, method: str, event: _Event) -> str:
    ordered = {name: event[name] for name in (*FIRST, *sorted(event.keys() - FIRST))}
    # A lone surrogate is what UTF-8 cannot hold; as an escape JSON can.
    return json.dumps(ordered, ensure_ascii=False).encode(errors="backslashreplace").decode()


def _text(logger: Any, method: str, event: _Event) -> str:
    time, level, name, said = (event.pop(each) for each in FIRST)
    trouble = event.pop("exception", "")
    # Whoever can put a line break into what we log must not write lines of the log.
    said = _CONTROL.sub(_escaped, said)
    about = " ".join(f"{key}={_CONTROL.sub(_escaped, str(value))}" for key, value in sorted(event.items()))
    line = f"{time} {level.upper()} {name}: {said}" + (f" [{about}]" if about else "")
    return f"{line}\n{trouble}" if trouble else line


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
