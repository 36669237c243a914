"""The built front end as the pages need it: read once, when the first page is asked for."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec
from django.conf import settings
from msgspec import Struct, field

from chatserver.config import FRONTEND_DIR

__all__ = ["Entry", "Frontend", "Loader", "PageName", "built"]

type PageName = Literal["app", "console"]

PAGES: dict[PageName, str] = {"app": "src/app/main.tsx", "console": "src/console/main.tsx"}
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


class Entry(Struct, frozen=True):
    """What a page of ours loads. Paths are relative to `dist/`, which is served under `static/`.

    `styles`: in the order in which they apply; `preload`: modules that `script` imports; `assets`: every file of the
    page, lazy ones too.
    """

    script: str
    styles: tuple[str, ...]
    preload: tuple[str, ...]
    assets: tuple[str, ...]


class Frontend(Struct, frozen=True):
    """`version`: of all pages; `widget`: the module that the loader imports, relative to `dist/`."""

    pages: dict[PageName, Entry]
    version: str
    widget: str
    loader: Loader

    @classmethod
    def load(cls, folder: Path) -> Frontend:
        """Raises `OSError` when `folder` holds no front end."""
        data = (folder / "manifest.json").read_bytes()
        manifest = _manifest.decode(data)
        return cls(
            pages={name: _entry(manifest, source) for name, source in PAGES.items()},
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


def _entry(manifest: dict[str, Chunk], source: str) -> Entry:
    script = manifest[source].file
    files = _files(manifest, source, lazy=False)
    return Entry(
        script=script,
        styles=tuple(file for file in files if file.endswith(".css")),
        preload=tuple(file for file in files if file.endswith(".js") and file != script),
        assets=_files(manifest, source, lazy=True),
    )


def _files(manifest: dict[str, Chunk], entry: str, *, lazy: bool) -> tuple[str, ...]:
    """The files of `entry` and of what it imports, each once. What is imported comes first, as the modules run: of two
    styles, that of the importer is the later one and wins."""
    files: dict[str, None] = {}
    seen: set[str] = set()

    def visit(name: str) -> None:
        if name in seen:
            return
        seen.add(name)
        chunk = manifest[name]
        for other in (*chunk.imports, *(chunk.dynamic if lazy else ())):
            visit(other)
        files.update(dict.fromkeys((*chunk.css, chunk.file)))

    visit(entry)
    return tuple(files)


def _loader(path: Path) -> Loader:
    plain = path.read_bytes()
    bodies = {"": plain}
    for encoding, suffix in (("br", ".br"), ("gzip", ".gz")):
        bodies[encoding] = path.with_name(path.name + suffix).read_bytes()
    return Loader(bodies, hashlib.sha256(plain).hexdigest()[:16])
