"""Errors as RFC 9457 problems: the one place where an exception becomes an HTTP answer."""

from __future__ import annotations

import logging
import math
import secrets
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from msgspec import json
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from chatserver.errors import ChatError, Internal, Invalid, NotFound

__all__ = ["install", "problem"]

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


def install(api: NinjaAPI) -> None:
    """Make every error of `api` a problem."""

    def chat_error(request: HttpRequest, error: Any) -> HttpResponse:
        return problem(error)

    def validation(request: HttpRequest, error: Any) -> HttpResponse:
        first = error.errors[0] if error.errors else {}
        where = [str(part) for part in first.get("loc", ()) if part not in ("body", "query", "path", "form", "file")]
        # ninja names the argument that holds the body too
        field = ".".join(where[1:] or where) or "body"
        return problem(Invalid(field, f"{first.get('msg', 'this is not allowed')}."))

    def missing(request: HttpRequest, error: Any) -> HttpResponse:
        return problem(NotFound())

    def http(request: HttpRequest, error: Any) -> HttpResponse:
        refusal = Invalid("body", str(error))
        refusal.status = error.status_code  # type: ignore[misc] # ninja's own 400 for a body that is no JSON, and 405
        return problem(refusal)

    def unexpected(request: HttpRequest, error: Any) -> HttpResponse:
        reference = secrets.token_hex(4)
        log.error("%s %s failed [%s]", request.method, request.path, reference, exc_info=error)
        return problem(Internal(f"Something went wrong on the server (reference {reference})."))

    api.add_exception_handler(ChatError, chat_error)
    api.add_exception_handler(ValidationError, validation)
    api.add_exception_handler(Http404, missing)
    api.add_exception_handler(HttpError, http)
    api.add_exception_handler(Exception, unexpected)
