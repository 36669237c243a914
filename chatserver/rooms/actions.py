"""Every write of rooms and messages that people make, in one place: authorise, commit, publish, in this order."""

from __future__ import annotations

from chatserver.realtime.hub import Hub
from chatserver.realtime.limits import Limits
from chatserver.rooms.managing import Managing
from chatserver.rooms.store import Store
from chatserver.rooms.talking import Talking

__all__ = ["Actions"]


class Actions(Talking, Managing):
    """The acting `Principal` comes first in every call. All raise `NotFound`, `Forbidden`, `Unavailable`."""

    def __init__(self, store: Store, hub: Hub, limits: Limits) -> None:
        self._store = store
        self._hub = hub
        self._limits = limits
