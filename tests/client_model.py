"""What a client knows, kept by the rules of docs/protocol.md ("Two kinds of position") and by nothing else. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

type Frame = dict[str, Any]


@dataclass
class Live:
    """The text so far of an answer being written."""

    attempt: int
    n: int = 0
    text: str = ""


@dataclass
class Room:
    rev: int | None = None
    messages: dict[str, Frame] = field(default_factory=dict)
    live: dict[str, Live] = field(default_factory=dict)
    joined: dict[str, str] = field(default_factory=dict)
    """Per answer, what its deltas alone joined to before its end; to compare with the stored text."""
    syncing: bool = False


class ClientModel:
    """Feed it frames with `receive`; it returns the commands that the rules make the client send."""

    def __init__(self) -> None:
        self.epoch: str | None = None
        self.rooms: dict[str, Room] = {}

    def resume(self, room: str) -> Frame:
        known = self.rooms.get(room)
        return {"room": room} if known is None or known.rev is None else {"room": room, "rev": known.rev}

    def receive(self, frame: Frame) -> list[Frame]:
        match frame["type"]:
            case "welcome":
                if self.epoch not in (None, frame["epoch"]):
                    self.rooms.clear()
                self.epoch = frame["epoch"]
            case "room.changes":
                return self._changes(frame)
            case "message" | "room.updated":
                return self._event(frame)
            case "answer.delta":
                return self._delta(frame)
            case "room.gone":
                self.rooms.pop(frame["room"], None)
            case "error" if frame.get("room") in self.rooms:
                self.rooms[frame["room"]].syncing = False
            case _:
                pass
        return []

    def _changes(self, frame: Frame) -> list[Frame]:
        room = self.rooms.setdefault(frame["room"], Room())
        room.syncing = False
        if frame.get("reset"):
            room.messages.clear()
            room.live.clear()
        for message in frame["messages"]:
            self._store(room, message)
        room.rev = frame["rev"] if frame.get("reset") else max(frame["rev"], room.rev or 0)
        for answer in frame["answers"]:
            room.live[answer["message"]] = Live(answer["attempt"], answer["n"], answer["text"])
            room.joined[answer["message"]] = answer["text"]
        return [self._sync(frame["room"], room)] if frame.get("more") else []

    def _event(self, frame: Frame) -> list[Frame]:
        room = self.rooms.setdefault(frame["room"], Room())
        if room.rev is not None and frame["rev"] <= room.rev:
            return []
        if room.rev is not None and frame["rev"] == room.rev + 1:
            room.rev = frame["rev"]
            if frame["type"] == "message":
                self._store(room, frame["message"])
            return []
        return self._ask_sync(frame["room"], room)

    def _delta(self, frame: Frame) -> list[Frame]:
        room = self.rooms.setdefault(frame["room"], Room())
        known = room.messages.get(frame["message"])
        final = known is not None and known["status"] != "pending"
        attempt, n, merged = frame["attempt"], frame["n"], frame.get("merged", 1)
        if known is not None and (attempt < known["attempt"] or (final and attempt == known["attempt"])):
            return []
        live = room.live.get(frame["message"])
        if live is None or attempt > live.attempt:
            live = room.live[frame["message"]] = Live(attempt)
        if attempt < live.attempt or n <= live.n:
            return []
        if n - merged == live.n:
            live.n, live.text = n, live.text + frame["text"]
        elif merged == n:
            live.n, live.text = n, frame["text"]
        else:
            return self._ask_sync(frame["room"], room)
        room.joined[frame["message"]] = live.text
        return []

    def _store(self, room: Room, message: Frame) -> None:
        known = room.messages.get(message["id"])
        if known is None or message["rev"] > known["rev"]:
            room.messages[message["id"]] = message
            live = room.live.get(message["id"])
            if message["status"] != "pending" and live and live.attempt <= message["attempt"]:
                del room.live[message["id"]]

    def _ask_sync(self, name: str, room: Room) -> list[Frame]:
        if room.syncing:
            return []
        return [self._sync(name, room)]

    def _sync(self, name: str, room: Room) -> Frame:
        room.syncing = True
        return {"type": "room.sync", **self.resume(name)}
