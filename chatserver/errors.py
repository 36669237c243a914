"""The one error tree. An error has a wire code and carries data; each edge makes a frame or an HTTP problem of it once.

The codes are those of docs/protocol.md, "Error codes". `message` is for people and never holds a secret.
"""

from __future__ import annotations

from typing import ClassVar, Literal

__all__ = [
    "BadFrame", "ChatError", "ConfigError", "Conflict", "EngineMissing", "Forbidden", "Internal", "Invalid", "NotFound",
    "ProviderError", "RateLimited", "TooLarge", "Unauthenticated", "Unavailable", "UnknownType", "WireCode",
]  # fmt: skip

type WireCode = Literal[
    "bad_frame", "unknown_type", "too_large", "unauthenticated", "forbidden", "not_found", "conflict",
    "rate_limited", "invalid", "unavailable", "internal",
]  # fmt: skip


class ChatError(Exception):
    """Anything the server refuses or fails at, as its peer will see it."""

    code: ClassVar[WireCode] = "internal"
    status: ClassVar[int] = 500
    default: ClassVar[str] = "Something went wrong on the server."

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message or self.default)
        self.retry_after = retry_after

    @property
    def message(self) -> str:
        return str(self.args[0])


class BadFrame(ChatError):
    code, status, default = "bad_frame", 400, "This frame is not a JSON object of the protocol."


class UnknownType(ChatError):
    code, status, default = "unknown_type", 400, "The server does not know a command of this type."


class TooLarge(ChatError):
    code, status, default = "too_large", 413, "This is larger than the server accepts."


class Unauthenticated(ChatError):
    code, status, default = "unauthenticated", 401, "Sign in first: the credentials are missing, wrong or expired."


class Forbidden(ChatError):
    code, status, default = "forbidden", 403, "You may not do this."


class NotFound(ChatError):
    """Also for what exists but is not the caller's: the two must look alike."""

    code, status, default = "not_found", 404, "There is no such thing here."


class Conflict(ChatError):
    code, status, default = "conflict", 409, "This does not fit the present state."


class RateLimited(ChatError):
    code, status, default = "rate_limited", 429, "Too many requests; try again later."

    def __init__(self, message: str = "", *, retry_after: float = 1.0) -> None:
        super().__init__(message, retry_after=retry_after)


class Invalid(ChatError):
    """A value that is refused; `field` names it."""

    code, status, default = "invalid", 422, "A field has a value that is not allowed."

    def __init__(self, field: str, message: str = "") -> None:
        super().__init__(f"{field}: {message}" if message else f"{field}: this value is not allowed.")
        self.field = field


class Unavailable(ChatError):
    """The outcome is unknown (database or Redis away): repeat with the same `cid`."""

    code, status, default = "unavailable", 503, "The server cannot reach its database just now; try again."

    def __init__(self, message: str = "", *, retry_after: float = 1.0) -> None:
        super().__init__(message, retry_after=retry_after)


class Internal(ChatError):
    pass


class ProviderError(ChatError):
    """A model or embedding endpoint failed; every vendor error becomes one of these at the border.

    `kind` names how: connect, auth, rate_limited, overloaded, timeout, refused, malformed, cut, empty.
    """

    code, status, default = "unavailable", 502, "The language model did not answer."

    def __init__(self, kind: str, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.kind = kind


class ConfigError(Exception):
    """A setting is wrong: one line at start, exit code 2."""


class EngineMissing(Exception):
    """PostgreSQL or Redis can be neither found nor started: one line, exit code 3."""
