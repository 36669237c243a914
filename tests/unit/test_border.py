"""Every failure of an endpoint becomes one `ProviderError`, whose message says nothing of the endpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import get_args

import httpx
import pytest

from chatserver.errors import ProviderError
from chatserver.providers.border import MESSAGES, Kind, failure, failure_of, provider_errors, retry_after, said
from chatserver.providers.sse import StreamError

SECRET = "sk-very-secret"
KINDS = get_args(Kind.__value__)


def below(kind: type[Exception]) -> Iterator[type[Exception]]:
    """`kind` and all its subclasses."""
    yield kind
    for child in kind.__subclasses__():
        yield from below(child)


def raised(kind: type[Exception]) -> Exception:
    """One of `kind`. That about a header which cannot be sent quotes it, as h11 does."""
    text = f"Illegal header value b'Bearer {SECRET}'" if kind is httpx.LocalProtocolError else "it failed"
    request = httpx.Request("POST", "http://127.0.0.1:9/v1", headers={"Authorization": f"Bearer {SECRET}"})
    match kind.__name__:
        case "HTTPStatusError":
            return httpx.HTTPStatusError(text, request=request, response=httpx.Response(500, request=request))
        case "StreamConsumed" | "StreamClosed" | "ResponseNotRead" | "RequestNotRead":
            return kind()
        case _:
            return kind(text)


VENDORS = [*below(httpx.HTTPError), *below(httpx.StreamError), *below(httpx.InvalidURL), StreamError]


@pytest.mark.parametrize("kind", VENDORS, ids=lambda kind: kind.__name__)
def test_no_exception_of_the_http_client_passes(kind: type[Exception], caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ProviderError) as caught, provider_errors():
        raise raised(kind)
    assert caught.value.kind in KINDS
    assert caught.value.message == MESSAGES[caught.value.kind].format(model="language model")  # type: ignore[index]
    assert isinstance(caught.value.__cause__, kind)
    assert caplog.messages
    assert SECRET not in caplog.text + str(caught.value)


def test_the_walk_meets_what_it_should() -> None:
    assert {httpx.ReadTimeout, httpx.ConnectError, httpx.LocalProtocolError, httpx.ResponseNotRead} <= {*VENDORS}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (httpx.ConnectError, "connect"),
        (httpx.ConnectTimeout, "connect"),
        (httpx.PoolTimeout, "connect"),
        (httpx.ReadTimeout, "timeout"),
        (httpx.WriteTimeout, "timeout"),
        (httpx.ReadError, "cut"),
        (httpx.RemoteProtocolError, "cut"),
        (httpx.DecodingError, "malformed"),
        (httpx.TooManyRedirects, "malformed"),
        (StreamError, "malformed"),
        (httpx.UnsupportedProtocol, "connect"),
        (httpx.InvalidURL, "connect"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_what_went_wrong_is_named(kind: type[Exception], expected: str) -> None:
    with pytest.raises(ProviderError) as caught, provider_errors():
        raise raised(kind)
    assert caught.value.kind == expected


def test_an_error_of_ours_passes_unchanged() -> None:
    ours = failure("empty", "nothing")
    with pytest.raises(ProviderError) as caught, provider_errors():
        raise ours
    assert caught.value is ours


def test_a_bug_passes_unchanged() -> None:
    with pytest.raises(ZeroDivisionError), provider_errors():
        raise ZeroDivisionError


@pytest.mark.parametrize("kind", KINDS)
def test_messages_name_the_sort_of_model(kind: Kind) -> None:
    error = failure(kind, "detail", model="embedding model")
    assert "embedding model" in error.message
    assert "detail" not in error.message


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, "refused"),
        (400, "refused"),
        (401, "auth"),
        (403, "auth"),
        (404, "refused"),
        (408, "rate_limited"),
        (413, "refused"),
        (422, "refused"),
        (429, "rate_limited"),
        (500, "overloaded"),
        (503, "overloaded"),
        (599, "overloaded"),
    ],
)
def test_a_status_has_a_kind(status: int, kind: str) -> None:
    body = json.dumps({"error": {"message": f"Incorrect API key provided: {SECRET}"}}).encode()
    error = failure_of(status, body, httpx.Headers({"Retry-After": "7"}))
    assert error.kind == kind
    assert error.retry_after == (7.0 if kind in ("rate_limited", "overloaded") else None)
    assert SECRET not in error.message


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"error": {"message": "Too long.", "code": 400}}', "Too long."),
        (b'{"error": "model not found"}', "model not found"),
        (b'{"detail": "Unauthorized"}', "Unauthorized"),
        (b'{"message": "no"}', "no"),
        (b"<html>\n<b>502 Bad\x00Gateway</b></html>", "<html> <b>502 Bad Gateway</b></html>"),
        (b'{"error": {"code": 7}}', '{"error": {"code": 7}}'),
        (b'{"error": null}', '{"error": null}'),
        (b"[1, 2]", "[1, 2]"),
        (b"", "no message"),
        (b" \n", "no message"),
        (b"\xff\xfe", "��"),
        ("模型不存在".encode(), "模型不存在"),
        (b"x" * 5000, "x" * 300),
    ],
)
def test_an_error_body_becomes_one_short_line(body: bytes, expected: str) -> None:
    assert said(body) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("3", 3.0),
        (" 0.5 ", 0.5),
        ("-1", 0.0),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 86_400.0),
        ("1e9", 86_400.0),
    ],
)
def test_retry_after_in_seconds_or_not_at_all(value: str, expected: float | None) -> None:
    assert retry_after(httpx.Headers({"Retry-After": value})) == expected


def test_retry_after_as_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=120), usegmt=True)
    wait = retry_after(httpx.Headers({"Retry-After": later}))
    assert wait is not None
    assert 0 < wait <= 120


def test_without_retry_after_there_is_none() -> None:
    assert retry_after(httpx.Headers()) is None
