"""Who is connected to this process, and which rooms they would like to hear about without having joined them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chatserver.realtime.socket import Socket

__all__ = ["Users"]


class Users:
    def __init__(self) -> None:
        self._sockets: dict[str, set[Socket]] = {}
        self._rooms: dict[str, set[str]] = {}
        self._watchers: dict[str, set[str]] = {}
        self.heads: dict[str, int] = {}
        """Per watched room: the rev that its watchers have heard of."""

    def add(self, sock: Socket) -> bool:
        """Returns whether it is the user's first socket here."""
        sockets = self._sockets.setdefault(sock.user.id, set())
        sockets.add(sock)
        return len(sockets) == 1

    def remove(self, sock: Socket) -> bool:
        """Returns whether it was the user's last socket here."""
        sockets = self._sockets.get(sock.user.id)
        if sockets is None or sock not in sockets:
            return False
        sockets.discard(sock)
        if sockets:
            return False
        del self._sockets[sock.user.id]
        for room in tuple(self._rooms.get(sock.user.id, ())):
            self.unwatch(sock.user.id, room)
        return True

    def sockets(self, user: str) -> tuple[Socket, ...]:
        return tuple(self._sockets.get(user, ()))

    def everyone(self) -> Iterator[Socket]:
        for sockets in list(self._sockets.values()):
            yield from tuple(sockets)

    def __contains__(self, user: object) -> bool:
        return user in self._sockets

    def __len__(self) -> int:
        return len(self._sockets)

    def ids(self) -> Iterable[str]:
        return self._sockets.keys()

    def watch(self, user: str, room: str, rev: int) -> None:
        """`user`, who is connected here, knows that `room` is at `rev`."""
        if user in self._sockets:
            self._rooms.setdefault(user, set()).add(room)
            self._watchers.setdefault(room, set()).add(user)
            self.heads[room] = min(rev, self.heads.get(room, rev))

    def unwatch(self, user: str, room: str) -> None:
        rooms = self._rooms.get(user)
        if rooms is None or room not in rooms:
            return
        rooms.discard(room)
        if not rooms:
            del self._rooms[user]
        watchers = self._watchers[room]
        watchers.discard(user)
        if not watchers:
            del self._watchers[room]
            self.heads.pop(room, None)

    def watchers(self, room: str) -> list[str]:
        """Users with a socket that has not joined `room` though it is theirs."""
        return [
            user
            for user in self._watchers.get(room, ())
            if any(room not in sock.rooms for sock in self._sockets.get(user, ()))
        ]
