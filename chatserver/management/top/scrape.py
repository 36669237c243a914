"""Reads `/metrics` of a server."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path

import httpx
from msgspec import Struct

from chatserver.config import Config
from chatserver.metrics.board import read

__all__ = ["NoMetrics", "Page", "Server", "parse"]

SECONDS = 5.0

_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

type Samples = dict[str, list[tuple[dict[str, str], float]]]


class NoMetrics(Exception):
    """In one line: why there are none, and what to do."""


class Page(Struct):
    """One reading. `at`: seconds on a clock that nobody sets."""

    at: float
    samples: Samples

    def total(self, name: str, **labels: str) -> float:
        """The sum of all series with these labels."""
        return sum(value for said, value in self.samples.get(name, ()) if labels.items() <= said.items())

    def one(self, name: str, **labels: str) -> float | None:
        """The largest such value; None where there is none."""
        return max(
            (value for said, value in self.samples.get(name, ()) if labels.items() <= said.items()), default=None
        )


class Server:
    """Where the metrics are: at `url`, or (empty) at the server that runs out of the settings' DATA_DIR."""

    def __init__(self, url: str, settings: Config) -> None:
        """Raises `NoMetrics` when none runs here."""
        headers = {"Authorization": f"Bearer {settings.metrics_token}"} if settings.metrics_token else {}
        if not url:
            url = _here(settings)
            headers["Host"] = _host(settings)
        if not re.match(r"https?://", url):
            raise NoMetrics(f"{url!r} is no address: it begins with http:// or https://.")
        self.url = url.rstrip("/").removesuffix("/metrics")
        # No proxy of the environment: what goes there may carry the token.
        self._client = httpx.Client(headers=headers, timeout=SECONDS, trust_env=False)

    def read(self) -> Page:
        """Raises `NoMetrics`."""
        try:
            answer = self._client.get(f"{self.url}/metrics")
        except (httpx.HTTPError, httpx.InvalidURL):
            raise NoMetrics(f"Nothing answers at {self.url}.") from None
        if answer.status_code in (401, 403):
            raise NoMetrics(
                f"{self.url} shows its metrics to its own machine and to who knows its METRICS_TOKEN: set that."
            )
        if answer.status_code != 200:
            raise NoMetrics(f"{self.url}/metrics answered {answer.status_code}.")
        page = Page(time.monotonic(), parse(answer.text))
        if not page.samples.get("chatserver_sockets"):
            raise NoMetrics(f"What answers at {self.url} is no chatserver.")
        return page

    def close(self) -> None:
        self._client.close()


def parse(text: str) -> Samples:
    """Prometheus' text format, as far as the server writes it; lines that are none are left out."""
    found: Samples = {}
    for line in text.splitlines():
        if (sample := _SAMPLE.match(line)) is None:
            continue
        name, inside, value = sample.groups()
        labels = {label: _plain(said) for label, said in _LABEL.findall(inside or "")}
        try:
            number = float(value)
        except ValueError:
            continue
        found.setdefault(name, []).append((labels, number))
    return found


def _plain(said: str) -> str:
    known: Mapping[str, str] = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}
    return re.sub(r"\\[\\\"n]", lambda found: known[found[0]], said)


def _here(settings: Config) -> str:
    folder: Path = settings.data / "metrics"
    now = time.time()
    for sheet in read(folder):
        if sheet.address and sheet.process.startswith("web") and sheet.live(now):
            return sheet.address
    raise NoMetrics(
        f"No server runs with DATA_DIR={settings.data_dir}: start one (make run), or name one with --url http://…"
    )


def _host(settings: Config) -> str:
    """A name that the server answers to."""
    named = [host.lstrip(".") for host in settings.allowed_hosts if host != "*"]
    return named[0] if named else "localhost"
