"""Errors as RFC 9457 problems: the one place where an exception becomes an HTTP answer."""

from __future__ import annotations

import logging
import math
import secrets
from collections.abc import Callable
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views import defaults
from msgspec import json
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from chatserver.errors import ChatError, Internal, Invalid, NotFound, TooLarge, Unavailable

__all__ = ["as_chat_error", "install", "no_such_path", "problem"]

log = logging.getLogger(__name__)


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


def no_such_path(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's `handler404`."""
    view: Callable[..., HttpResponseBase] = defaults.page_not_found
    return problem(NotFound()) if request.path.startswith("/api/") else view(request, exception)


def _invalid(error: ValidationError) -> Invalid:
    first = error.errors[0] if error.errors else {}
    where = [str(part) for part in first.get("loc", ()) if part not in ("body", "query", "path", "form", "file")]
    # ninja names the argument that holds the body too
    field = ".".join(where[1:] or where) or "body"
    return Invalid(field, f"{first.get('msg', 'this is not allowed')}.")
