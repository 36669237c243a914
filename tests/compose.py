"""docker/compose.yaml as data, with its variables filled in: what the tests of containers go by."""

from __future__ import annotations

import re
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from tests.server import ROOT

DOCKER = ROOT / "docker"
FILE = DOCKER / "compose.yaml"
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")

type Service = dict[str, Any]


def variables(text: str) -> dict[str, str | None]:
    """What the file asks for: name -> default, None where it must be given."""
    return {found["name"]: found["rest"] if found["kind"] == "-" else None for found in _VARIABLE.finditer(text)}


def load(path: Path, values: Mapping[str, str]) -> dict[str, Any]:
    """Raises `KeyError` for a variable that is not given and has no default."""

    def value(found: re.Match[str]) -> str:
        if given := values.get(found["name"]):
            return given
        if found["kind"] == "-":
            return str(found["rest"])
        raise KeyError(found["name"])

    read: dict[str, Any] = yaml.safe_load(_VARIABLE.sub(value, path.read_text()))
    return read


def env_file(path: Path) -> dict[str, str]:
    lines = (line.strip() for line in path.read_text().splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def in_order(services: Mapping[str, Service]) -> list[str]:
    """Each after those it waits for. Raises `CycleError`."""
    return list(
        TopologicalSorter({name: service.get("depends_on", {}) for name, service in services.items()}).static_order()
    )
