"""Files for the tests of parsing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chatserver.knowledge import reader
from chatserver.knowledge.parse import Parsed, ParseError, kind_of, parse

type Write = Callable[[str, bytes | str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def file(name: str, content: bytes | str) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return file


def read(path: Path) -> Parsed:
    """In this process, which saves the start of another."""
    return reader.read(path, kind_of(path.name), path.name)


def refused(path: Path) -> str:
    with pytest.raises(ParseError) as caught:
        parse(path, kind_of(path.name))
    return str(caught.value)
