"""Where vendors' failures end: whatever goes wrong with an endpoint becomes one `ProviderError` here.

Its message is for the people in the room and says nothing of the endpoint; what the operator needs goes to the log.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import ssl
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from time import time
from typing import Any, Literal

import httpx
import msgspec

from chatserver.errors import ProviderError
from chatserver.providers.sse import StreamError

__all__ = ["MESSAGES", "Kind", "failure", "failure_of", "provider_errors", "retry_after", "said", "tls"]

log = logging.getLogger(__name__)

type Kind = Literal["connect", "auth", "rate_limited", "overloaded", "timeout", "refused", "malformed", "cut", "empty"]

LANGUAGE_MODEL = "language model"

MESSAGES: dict[Kind, str] = {
    "connect": "The {model} cannot be reached just now.",
    "auth": "The {model} refused this server's credentials; its operator must check them.",
    "rate_limited": "The {model} has too many requests just now; try again in a moment.",
    "overloaded": "The {model} is overloaded just now; try again in a moment.",
    "timeout": "The {model} took too long to answer.",
    "refused": "The {model} refused to answer this.",
    "malformed": "The {model} sent something that could not be read.",
    "cut": "The {model}'s answer broke off.",
    "empty": "The {model} returned nothing.",
}
SAID_CHARS = 300
RETRY_AFTER_MAX = 86_400.0


@functools.cache
def tls() -> ssl.SSLContext:
    """For all clients of the process. Reading the certificate authorities takes 50 ms and more: whoever asks endpoints
    calls this when it is made, before there are sockets, and not with its first request."""
    return httpx.create_ssl_context()


def failure(kind: Kind, detail: str, *, retry_after: float | None = None, model: str = LANGUAGE_MODEL) -> ProviderError:
    """The error to raise; `detail` goes to the log. `model`: which sort of model people are told about."""
    log.warning("%s endpoint: %s: %s", model, kind, detail)
    return ProviderError(kind, MESSAGES[kind].format(model=model), retry_after=retry_after)


@contextlib.contextmanager
def provider_errors(model: str = LANGUAGE_MODEL) -> Iterator[None]:
    """Turn every exception of httpx, and of an unreadable stream, into a `ProviderError`."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
        raise failure("connect", repr(error), model=model) from error
    except httpx.TimeoutException as error:
        raise failure("timeout", repr(error), model=model) from error
    except (httpx.DecodingError, httpx.TooManyRedirects, StreamError) as error:
        raise failure("malformed", repr(error), model=model) from error
    except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
        raise failure("cut", repr(error), model=model) from error
    except httpx.LocalProtocolError as error:
        # Its text may quote the header that it refuses, and that one holds the key.
        raise failure(
            "connect", "the request cannot be formed (check the API key's characters)", model=model
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise failure("connect", repr(error), model=model) from error


def failure_of(status: int, body: bytes, headers: httpx.Headers, *, model: str = LANGUAGE_MODEL) -> ProviderError:
    """Of an answer that is no success."""
    detail = f"HTTP {status}: {said(body)}"
    wait = retry_after(headers)
    if status in (401, 403):
        return failure("auth", f"{detail} (check LLM_API_KEY, EMBED_API_KEY or RERANK_API_KEY)", model=model)
    if status == 404:
        return failure(
            "refused", f"{detail} (check the model's name and that the base URL ends before its last path)", model=model
        )
    if status in (408, 429):
        return failure("rate_limited", detail, retry_after=wait, model=model)
    if status >= 500:
        return failure("overloaded", detail, retry_after=wait, model=model)
    return failure("refused", detail, model=model)


def said(body: bytes) -> str:
    """What an error body says, in one short line: servers write `error.message`, `error`, `detail`, or plain text."""
    text = body.decode(errors="replace")
    try:
        found: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = text
    for key in ("error", "detail", "message"):
        if isinstance(found, dict) and found.get(key):
            found = found[key]
    if not isinstance(found, str):
        found = text
    line = "".join(char if char.isprintable() else " " for char in " ".join(found.split()))
    return line[:SAID_CHARS] or "no message"


def retry_after(headers: httpx.Headers) -> float | None:
    """Seconds, from either form of `Retry-After` (RFC 9110, 10.2.3), at most a day; None for anything else."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time()
        except (ValueError, OverflowError):
            return None
    return min(max(0.0, seconds), RETRY_AFTER_MAX) if math.isfinite(seconds) else None
