"""The built front end as the pages need it: read once, when the first page is asked for."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import msgspec
from django.conf import settings
from msgspec import Struct, field

from chatserver.config import FRONTEND_DIR

__all__ = ["Frontend", "Loader", "built"]

APP = "src/app/main.tsx"
WIDGET = "src/widget/core.tsx"


class Chunk(Struct, frozen=True):
    """An entry of Vite's manifest."""

    file: str
    css: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    dynamic: tuple[str, ...] = field(default=(), name="dynamicImports")


_manifest = msgspec.json.Decoder(dict[str, Chunk])


class Loader(Struct, frozen=True):
    """The widget's loader in the encodings that it is kept in; "" is the plain one."""

    bodies: dict[str, bytes]
    digest: str


class Frontend(Struct, frozen=True):
    """Paths are relative to `dist/`, which is served under `static/`.

    `script`, `styles`: the app's entry; `preload`: modules that the entry imports; `assets`: every file of the app,
    lazy ones too; `version`: of all this; `widget`: the module that the loader imports.
    """

    script: str
    styles: tuple[str, ...]
    preload: tuple[str, ...]
    assets: tuple[str, ...]
    version: str
    widget: str
    loader: Loader

    @classmethod
    def load(cls, folder: Path) -> Frontend:
        """Raises `OSError` when `folder` holds no front end."""
        data = (folder / "manifest.json").read_bytes()
        manifest = _manifest.decode(data)
        entry = manifest[APP]
        now, later = _files(manifest, APP, lazy=False), _files(manifest, APP, lazy=True)
        return cls(
            script=entry.file,
            styles=tuple(file for file in now if file.endswith(".css")),
            preload=tuple(file for file in now if file.endswith(".js") and file != entry.file),
            assets=later,
            version=hashlib.sha256(data).hexdigest()[:12],
            widget=_manifest.decode((folder / "widget.json").read_bytes())[WIDGET].file,
            loader=_loader(folder / "widget.js"),
        )


def built() -> Frontend | None:
    """None until `make frontend` was run."""
    return _load() if settings.DEBUG else _kept()


def _load() -> Frontend | None:
    try:
        return Frontend.load(FRONTEND_DIR)
    except OSError:
        return None


_kept = cache(_load)


def _files(manifest: dict[str, Chunk], entry: str, *, lazy: bool) -> tuple[str, ...]:
    """The files of `entry` and of what it imports, each once, in the manifest's order of imports."""
    files: dict[str, None] = {}
    seen: set[str] = set()
    waiting = [entry]
    while waiting:
        if (name := waiting.pop(0)) in seen:
            continue
        seen.add(name)
        chunk = manifest[name]
        files |= dict.fromkeys([chunk.file, *chunk.css])
        waiting += [*chunk.imports, *(chunk.dynamic if lazy else ())]
    return tuple(files)


def _loader(path: Path) -> Loader:
    plain = path.read_bytes()
    bodies = {"": plain}
    for encoding, suffix in (("br", ".br"), ("gzip", ".gz")):
        bodies[encoding] = path.with_name(path.name + suffix).read_bytes()
    return Loader(bodies, hashlib.sha256(plain).hexdigest()[:16])
