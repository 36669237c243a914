"""The protocol's objects in HTTP answers: the same JSON as on the socket, written by the same encoder."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from msgspec import json

__all__ = ["answer"]


def answer(body: Any, status: int = 200) -> HttpResponse:
    """`body`: a struct of `protocol.frames`, or lists and dicts of them."""
    response = HttpResponse(json.encode(body), status=status, content_type="application/json")
    response["Cache-Control"] = "no-store"  # it is one person's, and changes any moment
    return response
