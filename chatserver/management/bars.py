"""Progress of several things, one after the other, as a command shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, TaskID

__all__ = ["bars"]


@contextmanager
def bars(console: Console) -> Iterator[Callable[[str, int, int | None], None]]:
    """Call what is given with a name, how much is done, and of how much (None: not known). Shown on a terminal only."""
    tasks: dict[str, TaskID] = {}
    with Progress(console=console, disable=not console.is_terminal) as shown:

        def progress(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(what, total=total)
            shown.update(tasks[what], completed=done, total=total)

        yield progress
