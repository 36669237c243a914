"""gzip and zlib in bounded steps: a few bytes may unpack to a thousand times as many."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

__all__ = ["BLOCK", "GZIP", "Unpacker"]

BLOCK = 64 * 1024
GZIP = b"\x1f\x8b"
"""What gzip data begins with."""
_EITHER = zlib.MAX_WBITS | 32


class Unpacker:
    """For one stream, which may be of several gzip members. `feed` raises `zlib.error` for what is neither format."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_EITHER)
        self._begun = False

    @property
    def complete(self) -> bool:
        """Whether the stream may end here; False after one that was cut short."""
        return self._stream.eof or not self._begun

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What comes of `data`, in blocks of at most `BLOCK`. Take them one at a time, and stop at any time."""
        while data:
            if self._stream.eof:
                if not data.startswith(GZIP[:1]):  # padding, which is allowed behind the last member
                    return
                self._stream = zlib.decompressobj(_EITHER)
            self._begun = True
            if block := self._stream.decompress(data, BLOCK):
                yield block
            data = self._stream.unused_data or self._stream.unconsumed_tail
        while not self._stream.eof and (block := self._stream.decompress(b"", BLOCK)):
            yield block
