"""Errors as RFC 9457 problems: the one place where an exception becomes an HTTP answer."""

from __future__ import annotations

import logging
import math
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from django.utils.decorators import async_only_middleware
from msgspec import json
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from chatserver.errors import ChatError, Forbidden, Internal, Invalid, NotFound, TooLarge, Unavailable

__all__ = ["as_chat_error", "install", "problem", "problems"]

log = logging.getLogger(__name__)

type _View = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


def problem(error: ChatError) -> HttpResponse:
    """`application/problem+json` with the wire's `code`."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": error.code.replace("_", " ").capitalize(),
        "status": error.status,
        "code": error.code,
        "detail": error.message,
    }
    if isinstance(error, Invalid):
        body["field"] = error.field
    response = HttpResponse(status=error.status, content_type="application/problem+json")
    if error.retry_after is not None:
        body["retry_after"] = error.retry_after
        response["Retry-After"] = str(math.ceil(error.retry_after))
    if error.status == 401:
        response["WWW-Authenticate"] = "Bearer"
    response.content = json.encode(body)
    return response


def as_chat_error(error: Exception, what: str) -> ChatError:
    """What the peer may know of `error`. An unexpected one goes to the log under an id, and only the id to the peer."""
    match error:
        case ChatError():
            return error
        case ValidationError():
            return _invalid(error)
        case Http404():
            return NotFound()
        case RequestDataTooBig():
            return TooLarge()
        case MultiPartParserError() | SuspiciousOperation():
            return Invalid("body", "this is no form that the server reads.")
        case OperationalError() | InterfaceError():  # Django's, where a call uses its sessions and users
            return Unavailable()
    reference = secrets.token_hex(4)
    log.error("%s failed [%s]", what, reference, exc_info=error)
    return Internal(f"Something went wrong on the server (reference {reference}).")


def install(api: NinjaAPI) -> None:
    """Make every error of `api` a problem."""

    def handle(request: HttpRequest, error: Any) -> HttpResponse:
        return problem(as_chat_error(error, f"{request.method} {request.path}"))

    def unreadable(request: HttpRequest, error: Any) -> HttpResponse:
        refusal = Invalid("body", "this is not JSON.")
        refusal.status = error.status_code  # type: ignore[misc] # 400: the only one that ninja raises by itself
        return problem(refusal)

    # ninja has handlers of its own for some; the most special one that is known is called.
    for kind in (Exception, Http404, ValidationError):
        api.add_exception_handler(kind, handle)
    api.add_exception_handler(HttpError, unreadable)


@async_only_middleware
def problems(get_response: _View) -> _View:
    """Django middleware: what was refused below /api/ before a call of ours was reached is a problem too."""

    async def call(request: HttpRequest) -> HttpResponseBase:
        response = await get_response(request)
        if (
            response.status_code < 400
            or not request.path_info.startswith("/api/")
            or "json" in response.get("Content-Type", "")
        ):
            return response
        found = problem(_refused(response))
        for name in ("Allow", "Vary"):
            if name in response:
                found[name] = response[name]
        return found

    return call


def _refused(response: HttpResponseBase) -> ChatError:
    """What a bare status of Django's or ninja's says."""
    match response.status_code:
        case 404:
            return NotFound()
        case 405:
            error: ChatError = Invalid("method", f"this path takes {response['Allow']}.")
        case 403:
            return Forbidden()
        case 413:
            return TooLarge()
        case status if status < 500:
            error = Invalid("request", "the server does not understand this.")
        case _:
            return Internal()
    error.status = response.status_code  # type: ignore[misc]
    return error


def _invalid(error: ValidationError) -> Invalid:
    first = error.errors[0] if error.errors else {}
    # Where in the request it is; of a body also the argument that holds it.
    source, *where = [str(part) for part in first.get("loc", ())] or [""]
    field = ".".join(where[1:] if source == "body" else where) or "body"
    return Invalid(field, f"{first.get('msg', 'this is not allowed')}.")
