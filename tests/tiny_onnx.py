"""The smallest embedding model there can be, in an ONNX file written by hand: one vector for each word it knows.

Field numbers are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

INT64, FLOAT = 7, 1
UNKNOWN = "[UNK]"


def make_model(folder: Path, words: Mapping[str, Sequence[float]]) -> Path:
    """A folder as `EMBED_MODEL` names one. A text's vector is the mean of its words' vectors."""
    width = len(next(iter(words.values())))
    rows = [[0.0] * width, [0.0] * width, *words.values()]  # padding, unknown
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(_model(rows))
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 64, "pad_token_id": 0}))
    ids = {word: n for n, word in enumerate(("[PAD]", UNKNOWN, *words))}
    tokenizer = Tokenizer(WordLevel(ids, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def _model(rows: list[list[float]]) -> bytes:
    numbers = [number for row in rows for number in row]
    table = b"".join(
        (
            *(_number(1, size) for size in (len(rows), len(rows[0]))),
            _number(2, FLOAT),
            _bytes(8, b"table"),
            _bytes(9, struct.pack(f"<{len(numbers)}f", *numbers)),
        )
    )
    node = _bytes(1, b"table") + _bytes(1, b"input_ids") + _bytes(2, b"found") + _bytes(4, b"Gather")
    graph = b"".join(
        (
            _bytes(1, node),
            _bytes(2, b"tiny"),
            _bytes(5, table),
            _bytes(11, _value(b"input_ids", INT64, b"texts", b"tokens")),
            _bytes(12, _value(b"found", FLOAT, b"texts", b"tokens", len(rows[0]))),
        )
    )
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 17))


def _value(name: bytes, kind: int, *dimensions: bytes | int) -> bytes:
    shape = b"".join(_bytes(1, _number(1, each) if isinstance(each, int) else _bytes(2, each)) for each in dimensions)
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, shape)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
