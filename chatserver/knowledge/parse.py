"""The door to parsing: a file to blocks, whatever its format.

What reads complex formats runs in a process of its own with limits of time and memory (`knowledge/reader.py`): a file
that makes a parser hang, crash or eat memory becomes a failed document and nothing else. Small texts are read at once.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from chatserver.config import BASE_DIR, config
from chatserver.knowledge.formats.types import Parsed, ParseError
from chatserver.knowledge.kinds import EXTENSIONS, MEDIA_TYPE, Kind, kind_of
from chatserver.knowledge.reader import ANSWER_BYTES, Request, read

__all__ = ["EXTENSIONS", "MEDIA_TYPE", "Kind", "ParseError", "Parsed", "kind_of", "parse"]

log = logging.getLogger(__name__)

AT_ONCE_BYTES: dict[Kind, int] = {"markdown": 16 * 1024, "code": 16 * 1024, "text": 1024 * 1024}
"""Texts up to this are read here: a process takes a quarter of a second to start. The worst Markdown of this size takes
as long; plain text is always fast."""
_ENVIRON = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TMPDIR",
    "PYTHONPATH",
    "PYTHONHOME",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
)
"""What a reader is given of our environment: no keys, no addresses."""
WAIT_SECONDS = 480
"""What is limited is the reader's own time, by the kernel: a busy machine must not make good files fail. One that
sleeps for so long beyond that is ended, too. (The task around it has ten minutes more than PARSE_SECONDS.)"""
_STDERR_BYTES = 2000


def parse(path: Path, kind: Kind, name: str = "") -> Parsed:
    """The document in the file, which its owner calls `name`. Raises `ParseError`; computes up to PARSE_SECONDS."""
    name = name or path.name
    size = path.stat().st_size
    if not size:
        raise ParseError("The file is empty.")
    if size <= AT_ONCE_BYTES.get(kind, 0):
        return read(path, kind, name)
    answer = _answer(path, kind, name)
    if isinstance(answer, str):
        raise ParseError(answer)
    return answer


def _answer(path: Path, kind: Kind, name: str) -> Parsed | str:
    """What the reader's process says: blocks, or a reason."""
    seconds, memory = config().parse_seconds, config().parse_memory_bytes
    request = Request(str(path.resolve()), kind, name, seconds, memory, os.getpid())
    # Files rather than pipes: the kernel bounds them (RLIMIT_FSIZE), and nobody has to read while waiting.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            done = subprocess.run(
                [sys.executable, "-m", "chatserver.knowledge.reader"],
                input=msgspec.msgpack.encode(request),
                cwd=BASE_DIR,
                env={key: os.environ[key] for key in _ENVIRON if key in os.environ},
                stdout=out,
                stderr=err,
                timeout=seconds + WAIT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return _too_slow(seconds)
        if sys.platform != "win32" and done.returncode == -signal.SIGXCPU:
            return _too_slow(seconds)
        out.seek(0)
        try:
            return msgspec.msgpack.decode(out.read(ANSWER_BYTES), type=Parsed | str)
        except msgspec.DecodeError:
            err.seek(max(0, err.seek(0, os.SEEK_END) - _STDERR_BYTES))
            said = err.read(_STDERR_BYTES).decode(errors="replace").strip()
            log.warning("the reader of a %s file ended with %d: %s", kind, done.returncode, said)
    return (
        "The file is damaged, or too complex to read with the memory that the server gives it (PARSE_MEMORY_BYTES): "
        "its reader crashed."
    )


def _too_slow(seconds: int) -> str:
    return f"The file took more than {seconds} seconds to read (PARSE_SECONDS)."
