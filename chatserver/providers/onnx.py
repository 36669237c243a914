"""An embedding model in this process: onnxruntime and tokenizers, the extra `onnx`."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import batched, chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from chatserver.errors import ConfigError
from chatserver.providers.border import failure
from chatserver.providers.embedding_names import is_multilingual, prefix

if TYPE_CHECKING:
    import numpy as np
    import onnxruntime
    from tokenizers import Tokenizer

__all__ = ["OnnxEmbedder"]

BATCH = 8
"""Larger ones are no faster on a CPU."""
THREADS = 2
"""Batches at once."""
TOKENS_MAX = 512
"""Chunks have at most 256; longer texts are cut."""
_MODEL_FILES = ("model_quantized.onnx", "model_int8.onnx", "model.onnx")
"""In order of preference: a quantised one is three times as fast on a CPU and finds nearly the same."""

type _Pooling = Literal["mean", "cls", "last"]


class OnnxEmbedder:
    """A folder with `tokenizer.json` and an ONNX file, or the id of such a repository on the Hugging Face hub.

    Making one reads the model, which takes up to seconds: not on an event loop. Raises `ConfigError` when it cannot be
    read, or the extra is missing.
    """

    def __init__(self, model: str) -> None:
        try:
            import onnxruntime  # noqa: F401
            import tokenizers  # noqa: F401
        except ImportError as error:
            raise ConfigError(f"EMBED_MODEL={model!r} needs the extra `onnx`: uv sync --extra onnx.") from error
        try:
            folder = _folder(model)
            self._session, file = _session(folder)
            self._tokenizer = _tokenizer(folder)
            self._pooling = _pooling(folder)
            with file.open("rb") as opened:
                digest = hashlib.file_digest(opened, "sha256").hexdigest()[:12]
            self._inputs = {given.name for given in self._session.get_inputs()}
            self._model = Path(model).name if Path(model).is_dir() else model
            self.dimensions = len(self._run(["probe"])[0])
        except ConfigError:
            raise
        except Exception as error:  # onnxruntime, tokenizers and the hub raise classes of their own, and bare ones
            reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
            raise ConfigError(f"EMBED_MODEL={model!r} cannot be loaded: {reason}") from error
        self.name = f"{self._model}@{digest}"
        self.multilingual = is_multilingual(self._model)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="embed")

    async def aclose(self) -> None:
        """Batches that run are left to their end; it is near."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
        """One vector of length 1 per text, in order. Raises `ProviderError`."""
        before = prefix(self._model, query=query)
        loop = asyncio.get_running_loop()
        # Not all at once: a question that comes meanwhile waits for one batch, not for the whole of a document.
        slots = asyncio.Semaphore(THREADS)

        async def one(batch: tuple[int, ...]) -> list[list[float]]:
            async with slots:
                return await loop.run_in_executor(self._threads, self._run, [before + texts[n] for n in batch])

        # Texts of a batch are padded to its longest: neighbours in length waste nothing.
        order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
        batches = list(batched(order, BATCH, strict=False))
        try:
            found = await asyncio.gather(*map(one, batches))
        except Exception as error:
            raise failure("malformed", repr(error), model="embedding model") from error
        placed = dict(zip(order, chain.from_iterable(found), strict=True))
        return [placed[n] for n in range(len(texts))]

    def _run(self, texts: list[str]) -> list[list[float]]:
        import numpy as np

        encoded = self._tokenizer.encode_batch(texts)
        mask = np.array([one.attention_mask for one in encoded], dtype=np.int64)
        given = {
            "input_ids": np.array([one.ids for one in encoded], dtype=np.int64),
            "attention_mask": mask,
            "token_type_ids": np.array([one.type_ids for one in encoded], dtype=np.int64),
            "position_ids": np.maximum(mask.cumsum(axis=1) - 1, 0),
        }
        found = self._session.run(None, {name: given[name] for name in self._inputs})[0].astype(np.float32)
        vectors = _pool(found, mask, self._pooling) if found.ndim == 3 else found
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not lengths.all():
            raise ValueError("a vector that is not finite, or zero")
        unit: list[list[float]] = (vectors / lengths).tolist()
        return unit


def _pool(found: np.ndarray, mask: np.ndarray, pooling: _Pooling) -> np.ndarray:
    """From one vector per token, `[texts, tokens, dimensions]`, to one per text; padding does not count."""
    import numpy as np

    if pooling == "cls":
        return np.asarray(found[:, 0])
    if pooling == "last":
        last = mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1)
        return np.asarray(found[np.arange(len(found)), last])
    weights = mask[:, :, None].astype(np.float32)
    return np.asarray((found * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1))


def _folder(model: str) -> Path:
    """Raises `ConfigError` when there is no such folder, in this machine or on the hub."""
    path = Path(model).expanduser()
    if path.is_dir():
        return path
    if model.startswith((".", "/", "~")) or model.count("/") != 1:
        raise ConfigError(f"EMBED_MODEL={model!r} is no folder here, and no hub id like `owner/name`.")
    try:
        from huggingface_hub import list_repo_files, snapshot_download
    except ImportError as error:
        raise ConfigError(f"EMBED_MODEL={model!r} needs the extra `onnx`: uv sync --extra onnx.") from error
    try:
        cached = Path(snapshot_download(model, local_files_only=True))
        if _model_file(cached) and (cached / "tokenizer.json").is_file():
            return cached
    except OSError:  # not downloaded yet (the hub's LocalEntryNotFoundError is one)
        pass
    # A repository may hold ten variants of gigabytes each: only the one that is used is fetched.
    listed = list_repo_files(model)
    chosen = next((f"{at}{name}" for at in ("", "onnx/") for name in _MODEL_FILES if f"{at}{name}" in listed), None)
    if chosen is None:
        raise ConfigError(f"EMBED_MODEL={model!r} holds no ONNX model ({', '.join(_MODEL_FILES)}).")
    wanted = [chosen, f"{chosen}_data", "tokenizer.json", "config.json", "1_Pooling/config.json"]
    return Path(snapshot_download(model, allow_patterns=wanted))


def _model_file(folder: Path) -> Path | None:
    named = (folder / at / name for at in ("", "onnx") for name in _MODEL_FILES)
    return next((file for file in named if file.is_file()), None) or next(iter(sorted(folder.glob("*.onnx"))), None)


def _session(folder: Path) -> tuple[onnxruntime.InferenceSession, Path]:
    import onnxruntime

    file = _model_file(folder)
    if file is None:
        raise ConfigError(f"EMBED_MODEL: {folder} holds no ONNX model ({', '.join(_MODEL_FILES)}).")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = max(1, min(4, (os.process_cpu_count() or 1) // THREADS))
    # Threads that wait for work by spinning would take the CPU from the event loop.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"]), file


def _tokenizer(folder: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    file = folder / "tokenizer.json"
    if not file.is_file():
        raise ConfigError(f"EMBED_MODEL: {folder} holds no tokenizer.json.")
    settings = _read(folder / "config.json")
    tokenizer = Tokenizer.from_file(str(file))
    padding = tokenizer.padding or {}
    pad = padding.get("pad_id", settings.get("pad_token_id") or 0)
    positions = int(settings.get("max_position_embeddings") or TOKENS_MAX)
    # Models of the RoBERTa family keep two positions for themselves.
    limit = min(TOKENS_MAX, positions - 2 if "roberta" in str(settings.get("model_type")) else positions)
    tokenizer.enable_truncation(limit)
    tokenizer.enable_padding(pad_id=pad, pad_token=padding.get("pad_token") or tokenizer.id_to_token(pad) or "[PAD]")
    return tokenizer


def _pooling(folder: Path) -> _Pooling:
    """As the model was trained (sentence-transformers' `1_Pooling`); the mean when it doesn't say."""
    said = _read(folder / "1_Pooling" / "config.json")
    if said.get("pooling_mode_cls_token"):
        return "cls"
    return "last" if said.get("pooling_mode_lasttoken") else "mean"


def _read(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    found: dict[str, Any] = json.loads(file.read_bytes())
    return found
