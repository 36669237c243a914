"""What bounds a connection, whichever server carries it."""

from __future__ import annotations

from chatserver.config import config

__all__ = [
    "CLOSE_SECONDS", "FORM_BYTES", "HEAD_BYTES", "HEAD_SECONDS", "LINGER_SECONDS", "MESSAGE_BYTES", "PING_SECONDS",
    "PONG_SECONDS", "RESTART_CODE", "STALL_SECONDS", "TOO_LARGE", "UNSENT_BYTES", "body_bytes",
]  # fmt: skip

RESTART_CODE = 4012
PING_SECONDS = 25
PONG_SECONDS = 20
"""Less than `PING_SECONDS`: autobahn overwrites the timer of a ping that is still unanswered."""
CLOSE_SECONDS = 5
"""For the closing handshake; then the connection is cut."""
MESSAGE_BYTES = 1024 * 1024
"""Of one WebSocket message. What is larger than the protocol allows and smaller than this is told so in a frame."""
UNSENT_BYTES = 64 * 1024
"""From here on a transport counts as paused."""

HEAD_BYTES = 64 * 1024
"""A request's line and headers."""
HEAD_SECONDS = 60
"""For a request's line and headers to be complete."""
FORM_BYTES = 1024 * 1024
"""What a body may have beyond UPLOAD_BYTES. What it then has too much the API refuses in its own words."""
LINGER_SECONDS = 30
"""A client that is refused may go on sending for so long: with a connection that is cut it would lose the answer too
(nginx's `lingering_close`)."""
STALL_SECONDS = 60
"""A client that takes nothing of its answer for so long is cut off."""

_REFUSAL = (
    b'{"type":"about:blank","title":"Too large","status":413,"code":"too_large",'
    b'"detail":"This is larger than the server accepts."}'
)
TOO_LARGE = (
    b"HTTP/1.1 413 Content Too Large\r\nContent-Type: application/problem+json\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(_REFUSAL), _REFUSAL)
)


def body_bytes() -> int:
    """The most a request's body may have."""
    return config().upload_bytes + FORM_BYTES
