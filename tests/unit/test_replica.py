"""Whatever is lost, doubled or late on the way, every client ends with the truth and no ended attempt goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatserver.protocol.frames import CHANGES_MAX, AnswerDelta, Presence, RoomChanges
from chatserver.realtime.outbox import Outbox
from chatserver.realtime.ports import RoomPosition, RoomState
from chatserver.realtime.replica import Effects, Replica
from chatserver.realtime.snapshot import encode
from tests.client_model import ClientModel
from tests.world import Room, user

ANN = user("ann")


class Client:
    """A socket and what its client makes of it. `stalled`: it reads nothing."""

    def __init__(self) -> None:
        self.outbox = Outbox()
        self.model = ClientModel()
        self.frames: list[dict[str, Any]] = []
        self.stalled = False
        self.seen_end: dict[str, int] = {}

    @property
    def rev(self) -> int | None:
        room = self.model.rooms.get("r")
        return room.rev if room else None

    def read(self) -> list[dict[str, Any]]:
        """Take what is queued; returns the commands that follow."""
        commands = []
        while (data := self.outbox.pull(0.0)) is not None:
            for line in data.split(b"\n"):
                frame = json.loads(line)
                self._check(frame)
                self.frames.append(frame)
                commands += self.model.receive(frame)
        return commands

    def _check(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "answer.delta":
            assert frame["attempt"] > self.seen_end.get(frame["message"], 0), "a delta after the end of its attempt"
        messages = frame.get("messages", [frame["message"]] if frame["type"] == "message" else [])
        for message in messages:
            if message["author"]["kind"] == "assistant" and message["status"] != "pending":
                self.seen_end[message["id"]] = max(message["attempt"], self.seen_end.get(message["id"], 0))


class Simulation:
    """One room, one replica, a bad network between them, and clients."""

    def __init__(self) -> None:
        self.now = 100.0
        self.room = Room("r")
        self.room.add_member("ann")
        self.replica = Replica("r")
        self.clients: list[Client] = []
        self.wanted: list[str] = []
        self.healing: tuple[RoomState, RoomPosition, float] | None = None
        self.carry(self.replica.load(self.room.load(), self.now, self.now))

    def carry(self, effects: Effects) -> None:
        for out in effects.send:
            for client in self.clients:
                if isinstance(out.event, AnswerDelta):
                    client.outbox.offer_delta(out.event, out.data, self.now)
                else:
                    for answer, attempt in out.over:
                        client.outbox.forget(answer, attempt)
                    client.outbox.offer(out.data, self.now)
        self.wanted += effects.want
        if self.replica.stale:
            self.carry(self.replica.load(self.room.load(), self.now, self.now))

    def join(self, client: Client) -> None:
        rev = client.rev
        if (position := self.replica.position_for(rev)) is not None:
            self.carry(self.replica.heal(self.room.changes(position), position, self.now, self.now))
        for _ in range(3):
            if self.replica.needs_load(rev):
                self.carry(self.replica.load(self.room.load(), self.now, self.now))
                self.ask()
                self.answer()
        client.outbox.forget_room("r")
        for out in self.replica.serve(rev, Presence(online=1)):
            client.outbox.offer(out.data, self.now)
        if client not in self.clients:
            self.clients.append(client)

    def ask(self) -> None:
        """Send the question of a heal; its answer is what the truth says at this moment, whenever it arrives."""
        if self.healing is None:
            asked = RoomPosition(rev=self.replica.rev, meta_rev=self.replica.meta_rev)
            self.healing = (self.room.changes(asked), asked, self.now)

    def answer(self) -> None:
        if self.healing is not None:
            (state, asked, asked_at), self.healing = self.healing, None
            self.carry(self.replica.heal(state, asked, asked_at, self.now))

    def deliver(self, event: Any) -> None:
        data = encode(event)
        if event.__class__.__name__ in ("MessageEvent", "RoomUpdated"):
            self.carry(self.replica.change(event, data, self.now))
        else:
            self.carry(self.replica.transient(event, data, self.now))

    def snapshots(self) -> None:
        wanted, self.wanted = self.wanted, []
        for answer in wanted:
            if (said := self.room.snapshot(answer)) is not None:
                self.carry(self.replica.snapshot(said, self.now))

    def read(self, client: Client) -> None:
        if client.read():
            self.join(client)

    def come_to_rest(self) -> None:
        """The network is whole again: sweep, say tails, let everybody read."""
        for _ in range(6):
            self.now += 1.0
            if self.healing or self.replica.rev != self.room.rev or self.replica.heal_at is not None:
                self.ask()
                self.answer()
            for answer in self.room.living():
                job = self.room.jobs[answer]
                self.carry(self.replica.position(answer, job.attempt, job.n, self.now))
            self.snapshots()
            for client in self.clients:
                self.read(client)

    def check(self) -> None:
        assert self.replica.rev == self.room.rev
        for client in self.clients:
            known = client.model.rooms["r"]
            assert known.rev == self.room.rev
            oldest = min((message["seq"] for message in known.messages.values()), default=0)
            for message in self.room.messages.values():
                found = known.messages.get(message.id)
                if found is None:
                    assert message.seq < oldest or not known.messages, "a hole"
                    continue
                assert (found["rev"], found["text"], found["status"]) == (message.rev, message.text, message.status)
            for answer in self.room.living():
                job = self.room.jobs[answer]
                if job.n:  # before its first delta a client may still show the attempt before
                    live = known.live[answer]
                    assert (live.n, live.text, live.attempt) == (job.n, job.text, job.attempt)
            assert set(known.live) <= set(self.room.living())


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_every_client_ends_with_the_truth(data: st.DataObject) -> None:
    simulation = Simulation()
    room = simulation.room
    late: list[Any] = []
    for step in range(data.draw(st.integers(5, 60), "steps")):
        simulation.now += data.draw(st.sampled_from([0.0, 0.01, 0.06, 0.3]), "pause")
        events: list[Any] = []
        living, ended = room.living(), [name for name, job in room.jobs.items() if not job.live]
        match data.draw(st.sampled_from("aaswwwwwwwwetrudjjxxrhhnnl"), "what"):
            case "a":
                events = room.ask(ANN, f"question {step}")
            case "s":
                events = [room.say(ANN, f"hello {step}")]
            case "w" if living:
                answer = data.draw(st.sampled_from(living))
                pieces = data.draw(st.integers(1, 3))
                size = data.draw(st.sampled_from([1, 10, 20_000]))
                events = [room.write(answer, f"[{step}]" + "x" * size, pieces)]
            case "e" if room.messages:
                message = data.draw(st.sampled_from(sorted(room.messages)))
                if message not in room.jobs:
                    events = [room.edit(message, f"edited {step}")]
            case "t" if living:
                status = data.draw(st.sampled_from(["complete", "stopped", "failed", "deleted"]))
                events = [room.settle(data.draw(st.sampled_from(living)), status)]
            case "r" if ended:
                events = [room.retry(data.draw(st.sampled_from(ended)))]
            case "u" if living:
                room.supersede(data.draw(st.sampled_from(living)))
            case "d":
                events = [room.update()]
            case "j":
                if len(simulation.clients) < 3:
                    simulation.join(Client())
                else:
                    again = data.draw(st.sampled_from(simulation.clients))
                    simulation.clients.remove(again)
                    again.outbox = Outbox()
                    again.stalled = False
                    again.model.rooms["r"].syncing = False
                    simulation.join(again)
            case "x" if simulation.clients:
                client = data.draw(st.sampled_from(simulation.clients))
                client.stalled = not client.stalled
            case "h":
                simulation.ask()
            case "n":
                simulation.answer()
            case "l" if late:
                simulation.deliver(late.pop(data.draw(st.integers(0, len(late) - 1))))
            case _:
                simulation.snapshots()
        for event in events:
            match data.draw(st.sampled_from("ooooodlt"), "network"):
                case "o":
                    simulation.deliver(event)
                case "d":
                    simulation.deliver(event)
                    late.append(event)
                case "l":
                    late.append(event)
                case _:
                    pass
        if simulation.replica.heal_at is not None and simulation.replica.heal_at <= simulation.now:
            simulation.ask()
        for client in simulation.clients:
            if not client.stalled:
                simulation.read(client)
    for event in late:
        simulation.deliver(event)
    simulation.come_to_rest()
    simulation.check()


def prepared(messages: int = 0) -> Simulation:
    simulation = Simulation()
    for number in range(messages):
        simulation.deliver(simulation.room.say(ANN, f"message {number}"))
    return simulation


@pytest.mark.parametrize("healed", [False, True])
def test_an_end_that_comes_late_leaves_the_next_attempt_alone(healed: bool) -> None:
    simulation = prepared()
    room = simulation.room
    for event in room.ask(ANN, "question"):
        simulation.deliver(event)
    (answer,) = room.living()
    simulation.deliver(room.write(answer, "first"))
    end = room.settle(answer, "stopped")
    if healed:
        simulation.ask()  # the truth says that it ended, before anybody tries again
    again = room.retry(answer)
    simulation.deliver(room.write(answer, "sec"))
    if healed:
        simulation.answer()
    else:
        simulation.deliver(end)
    simulation.deliver(again)
    simulation.deliver(room.write(answer, "ond"))
    live = simulation.replica.live[answer]
    assert (live.attempt, live.n, live.text) == (2, 2, "second")


def test_a_reordered_pair_waits_and_asks_nobody() -> None:
    simulation = prepared()
    five, six = simulation.room.say(ANN, "five"), simulation.room.say(ANN, "six")
    simulation.deliver(six)
    assert simulation.replica.heal_at == simulation.now + 0.05
    simulation.deliver(five)
    assert simulation.replica.heal_at is None
    assert simulation.replica.rev == simulation.room.rev


def test_a_full_buffer_heals_at_once() -> None:
    simulation = prepared()
    simulation.room.say(ANN, "lost")
    for number in range(65):
        simulation.deliver(simulation.room.say(ANN, f"{number}"))
    assert simulation.replica.heal_at == simulation.now


def test_a_whole_text_is_cut_to_what_the_sockets_lack() -> None:
    simulation = prepared()
    _, answer = (simulation.deliver(event) or event for event in simulation.room.ask(ANN, "?"))
    client = Client()
    simulation.join(client)
    name = answer.message.id
    simulation.deliver(simulation.room.write(name, "one "))
    simulation.room.write(name, "two ")
    simulation.deliver(simulation.room.write(name, "three"))
    assert simulation.wanted == [name]
    simulation.snapshots()
    client.read()
    deltas = [frame for frame in client.frames if frame["type"] == "answer.delta"]
    assert [(delta["n"], delta["merged"], delta["text"]) for delta in deltas] == [(1, 1, "one "), (3, 2, "two three")]


def test_a_client_far_behind_gets_the_changes_and_one_too_far_a_reset() -> None:
    simulation = prepared(CHANGES_MAX + 20)
    near = simulation.replica.serve(simulation.room.rev - CHANGES_MAX, None)
    assert isinstance(near[0].event, RoomChanges)
    assert len(json.loads(near[0].data)["messages"]) == CHANGES_MAX
    far = json.loads(simulation.replica.serve(simulation.room.rev - CHANGES_MAX - 1, None)[0].data)
    assert far["reset"]
    assert [message["text"] for message in far["messages"]] == [f"message {number}" for number in range(170, 220)]


def test_changes_are_split_into_objects_of_256_kib() -> None:
    simulation = prepared()
    rev = simulation.room.rev
    for number in range(5):
        simulation.deliver(simulation.room.say(ANN, str(number) * 100_000))
    client = Client()
    client.model.receive({"type": "room.changes", "room": "r", "rev": rev, "messages": [], "answers": []})
    simulation.join(client)
    first = client.outbox.pull(0.0)
    assert first is not None
    assert len(first) <= 256 * 1024
    assert json.loads(first)["more"]
    assert client.model.receive(json.loads(first)) == [{"type": "room.sync", "room": "r", "rev": rev + 2}]
    simulation.join(client)
    simulation.come_to_rest()
    simulation.check()


def test_a_cold_room_reads_the_truth_before_it_serves() -> None:
    simulation = prepared(60)
    simulation.replica.cool()
    rev = simulation.room.rev
    assert simulation.replica.needs_load(None)
    assert simulation.replica.position_for(rev - 3) == RoomPosition(rev=0, meta_rev=simulation.room.meta_rev)
    client = Client()
    simulation.join(client)
    simulation.read(client)
    assert len(client.model.rooms["r"].messages) == 50
    simulation.check()


def test_trimming_keeps_the_bounds_exact() -> None:
    simulation = prepared()
    for number in range(40):
        simulation.deliver(simulation.room.say(ANN, str(number % 10) * 20_000))
    simulation.replica.trim()
    shelf = simulation.replica.shelf
    assert shelf.size <= 256 * 1024
    held = {row.rev for row in shelf.rows.values()}
    assert held == {message.rev for message in simulation.room.messages.values() if message.rev > shelf.floor}
    assert held == {message.rev for message in simulation.room.messages.values() if message.seq > shelf.low}


def test_another_epoch_is_a_reset_for_the_sockets_that_are_here() -> None:
    simulation = prepared(5)
    client = Client()
    simulation.join(client)
    client.read()
    position = RoomPosition(rev=simulation.replica.rev, meta_rev=simulation.replica.meta_rev)
    restored = Room("r")
    restored.add_member("ann")
    restored.say(ANN, "only this")
    simulation.replica.heal(restored.changes(position, "other"), position, 0.0, 0.0)
    assert simulation.replica.stale
    simulation.carry(simulation.replica.load(restored.load("other"), 0.0, 0.0))
    client.read()
    assert client.frames[-1]["reset"]
    assert [message["text"] for message in client.model.rooms["r"].messages.values()] == ["only this"]
    assert client.rev == restored.rev
