"""Draws the figures: a line of health, totals with their last minutes, and one row for each process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from rich import box
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from chatserver.management.top.figures import Process, Totals, View

__all__ = ["HISTORY", "History", "draw"]

HISTORY = 120
"""Readings that are remembered for the small curves."""
WIDTH = 30
WIDE = 100
LESS = ("pid", "rooms", "frames/s")
"""What narrower terminals do without."""
BARS = "▁▂▃▄▅▆▇█"
LAG = ((0.25, "bold red"), (0.05, "yellow"), (0.0, "green"))
"""Seconds of event-loop lag from which on it is drawn so."""
FULL = ((0.9, "bold red"), (0.7, "yellow"), (0.0, "green"))
"""The same for how much of a limit is used."""


CURVES: dict[str, Callable[[Totals], float]] = {
    "sockets": lambda totals: totals.sockets,
    "streams": lambda totals: totals.streams,
    "deltas": lambda totals: totals.deltas_per_second,
    "bytes": lambda totals: totals.bytes_per_second,
    "messages": lambda totals: totals.messages_per_second,
    "waiting": lambda totals: totals.questions_waiting or 0,
}


class History:
    """The last readings of these totals."""

    def __init__(self) -> None:
        self._values: dict[str, deque[float]] = {name: deque(maxlen=HISTORY) for name in CURVES}

    def add(self, totals: Totals) -> None:
        for name, read in CURVES.items():
            self._values[name].append(read(totals))

    def curve(self, name: str) -> str:
        """Its values as bars, the newest at the right; the highest one seen is full."""
        values = list(self._values[name])[-WIDTH:]
        if len(values) < 2:
            return ""
        top = max(self._values[name])
        if not top:
            return BARS[0] * len(values)
        return "".join(BARS[min(len(BARS) - 1, round(value / top * (len(BARS) - 1)))] for value in values)


def draw(view: View, url: str, history: History, width: int, note: str = "") -> RenderableType:
    """All of it, for `width` columns; `note` says what is wrong at the moment."""
    return Group(_head(view, url, note), _totals(view, history), _processes(view, width))


def _head(view: View, url: str, note: str) -> RenderableType:
    line = Text.assemble(("chatserver ", "bold"), url, "   ")
    for name, up in (("PostgreSQL", view.database), ("Redis", view.redis)):
        line.append("● ", "green" if up else "bold red")
        line.append(f"{name}{'' if up else ' does not answer'}   ", "" if up else "bold red")
    if note:
        line.append(note, "bold red")
    return line


def _totals(view: View, history: History) -> RenderableType:
    totals = view.totals
    answers = totals.answers
    ended = sum(answers.values())
    failed = f"{answers.get('failed', 0) / ended:.1%} of {ended:,} failed" if ended else "none yet"
    first = "" if totals.first_token is None else f"first word ≤ {_seconds(totals.first_token)}"
    waiting = "?" if totals.questions_waiting is None else f"{totals.questions_waiting:,}"
    oldest = f"oldest {_seconds(totals.oldest_waits)}" if totals.oldest_waits else ""
    documents = f"{totals.documents_waiting:,} documents" if totals.documents_waiting else oldest
    tiles = (
        ("Sockets", f"{totals.sockets:,}", f"{totals.users:,} online, {totals.rooms:,} replicas", "sockets"),
        ("Answers", f"{totals.streams:,}", first or failed, "streams"),
        ("Waiting", waiting, oldest or documents or "no question, no document", "waiting"),
        ("Messages", f"{totals.messages_per_second:,.1f}/s", failed, "messages"),
        ("Deltas", f"{totals.deltas_per_second:,.0f}/s", f"{totals.tokens_per_second:,.0f} tokens/s", "deltas"),
        ("Sent", f"{_bytes(totals.bytes_per_second)}/s", f"{totals.frames_per_second:,.0f} frames/s", "bytes"),
    )
    drawn = [_tile(name, value, about, history.curve(curve)) for name, value, about, curve in tiles]
    return Group(Columns(drawn[:3]), Columns(drawn[3:]))


def _tile(name: str, value: str, about: str, curve: str) -> RenderableType:
    body = Text.assemble((value, "bold"), "  ", (about, "dim"), no_wrap=True)
    if curve:
        body.append(f"\n{curve:>{WIDTH}}", "cyan")
    return Panel(body, title=name, title_align="left", width=WIDTH + 4, box=box.ROUNDED, border_style="dim")


def _processes(view: View, width: int) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, expand=False)
    columns = {"process": _name, "pid": _pid, "sockets": _sockets, "rooms": _rooms, "answers": _answers}
    columns |= {"frames/s": _frames, "sent/s": _sent, "lag": _lag, "CPU": _cpu, "memory": _memory}
    if len({process.host for process in view.processes}) > 1:
        columns = {"host": _host, **columns}
    for name in LESS if width < WIDE else ():
        del columns[name]
    for name in columns:
        table.add_column(name, justify="left" if name in ("host", "process") else "right", no_wrap=True)
    for process in view.processes:
        table.add_row(*(cell(process) for cell in columns.values()), style="" if process.live else "bold red")
    return table


def _host(process: Process) -> str:
    return process.host


def _name(process: Process) -> str:
    return process.name if process.live else f"{process.name} silent for {_seconds(process.age)}"


def _pid(process: Process) -> str:
    return str(process.pid or "")


def _sockets(process: Process) -> Text | str:
    return _measured(f"{process.sockets:,}", process.sockets, process.sockets_max) if process.sockets_max else ""


def _rooms(process: Process) -> str:
    return f"{process.rooms:,}" if process.rooms else ""


def _answers(process: Process) -> str:
    return f"{process.streams}/{process.slots}" if process.slots else ""


def _frames(process: Process) -> str:
    return f"{process.frames_per_second:,.0f}" if process.sockets_max else ""


def _sent(process: Process) -> str:
    return _bytes(process.bytes_per_second) if process.sockets_max else ""


def _lag(process: Process) -> Text | str:
    return "" if process.lag is None else _measured(_seconds(process.lag), process.lag, 0.5, _style(process.lag, LAG))


def _cpu(process: Process) -> Text | str:
    return _measured(f"{process.cpu:.0%}", process.cpu, 1.0) if process.live else ""


def _memory(process: Process) -> str:
    return "" if process.memory is None else _bytes(process.memory)


def _measured(said: str, value: float, limit: float, style: str = "") -> Text:
    return Text.assemble((said, style), " ", _bar(value, limit, style))


def _bar(value: float, limit: float, style: str = "", width: int = 6) -> Text:
    share = min(1.0, value / limit) if limit else 0.0
    eighths = round(share * width * 8)
    full, rest = divmod(eighths, 8)
    drawn = "█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")
    return Text.assemble((drawn, style or _style(share, FULL)), ("░" * (width - len(drawn)), "dim"))


def _style(value: float, steps: tuple[tuple[float, str], ...]) -> str:
    return next(style for least, style in steps if value >= least)


def _seconds(value: float) -> str:
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 120:
        return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.0f} h"


def _bytes(value: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError
