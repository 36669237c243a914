"""How much one user, one address and one process may do. Decided without Redis, so its absence blocks nobody."""

from __future__ import annotations

from collections import Counter as Count
from collections import OrderedDict

from chatserver.errors import RateLimited
from chatserver.metrics import Counter, Gauge

__all__ = ["Bucket", "Limits", "Typing"]

KEYS_MAX = 100_000
TYPING_SECONDS = 2.0

REFUSED = Counter(
    "chatserver_limited_total",
    "Commands and sockets refused by a limit.",
    label="limit",
    values=("sends", "sockets_per_address", "sockets_per_process", "sockets_per_user"),
)
MAX = Gauge("chatserver_sockets_max", "Sockets that this process takes at most (SOCKETS_PER_PROCESS).")


class Bucket:
    """Token buckets, one per key: `burst` at once, refilled at `per_second`. Pure; the longest unused key is forgotten,
    which gives it at most one burst too many.
    """

    def __init__(self, burst: float, per_second: float, keys_max: int = KEYS_MAX) -> None:
        self._burst = burst
        self._rate = per_second
        self._keys_max = keys_max
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now: float, cost: float = 1.0) -> float:
        """Take `cost` tokens and return 0, or take none and return the seconds until they are there."""
        level, at = self._levels.pop(key, (self._burst, now))
        level = min(self._burst, level + (now - at) * self._rate)
        wait = 0.0 if level >= cost else (cost - level) / self._rate
        self._levels[key] = (level - cost if wait == 0 else level, now)
        if len(self._levels) > self._keys_max:
            self._levels.popitem(last=False)
        return wait


class Typing:
    """At most one `room.typing` per user, room and 2 s; the end of typing always passes once."""

    def __init__(self) -> None:
        self._last: OrderedDict[tuple[str, str], tuple[float, bool]] = OrderedDict()

    def allows(self, user: str, room: str, on: bool, now: float) -> bool:
        at, was = self._last.get((user, room), (float("-inf"), False))
        if (on and now - at < TYPING_SECONDS) or (not on and not was):
            return False
        self._last.pop((user, room), None)
        # The end keeps the time of the beginning: on, off, on within 2 s is one typing.
        self._last[user, room] = (now if on else at, on)
        if len(self._last) > KEYS_MAX:
            self._last.popitem(last=False)
        return True


class Limits:
    """The limits of this process. `enter` and `exit` frame a socket's life."""

    def __init__(
        self, *, sends_per_minute: int, sockets_per_user: int, sockets_per_address: int, sockets_per_process: int
    ) -> None:
        self.typing = Typing()
        self._sends = Bucket(sends_per_minute, sends_per_minute / 60)
        self._per_user = sockets_per_user
        self._per_address = sockets_per_address
        self._per_process = sockets_per_process
        MAX.read = lambda: sockets_per_process
        self._users: Count[str] = Count()
        self._addresses: Count[str] = Count()
        self._sockets = 0

    def send(self, user: str, now: float) -> None:
        """Raises `RateLimited` when `user` sends too much."""
        if wait := self._sends.take(user, now):
            REFUSED.add(label="sends")
            raise RateLimited("You are sending too fast.", retry_after=round(wait, 1) or 0.1)

    def enter_address(self, address: str) -> None:
        """A socket opened. Raises `RateLimited` when there are too many from `address`, or here at all."""
        if self._sockets >= self._per_process:
            REFUSED.add(label="sockets_per_process")
            raise RateLimited("This server has too many connections.", retry_after=10)
        if self._addresses[address] >= self._per_address:
            REFUSED.add(label="sockets_per_address")
            raise RateLimited("There are too many connections from this address.", retry_after=30)
        self._addresses[address] += 1
        self._sockets += 1

    def exit_address(self, address: str) -> None:
        _less(self._addresses, address)
        self._sockets -= 1

    def enter_user(self, user: str) -> None:
        """The socket's user is known. Raises `RateLimited` when they have too many."""
        if self._users[user] >= self._per_user:
            REFUSED.add(label="sockets_per_user")
            raise RateLimited("You have too many connections.", retry_after=30)
        self._users[user] += 1

    def exit_user(self, user: str) -> None:
        _less(self._users, user)


def _less(counts: Count[str], key: str) -> None:
    counts[key] -= 1
    if counts[key] <= 0:
        del counts[key]
