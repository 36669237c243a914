"""Two readings of the metrics, as figures for people. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from chatserver.management.top.scrape import Page

__all__ = ["Process", "Totals", "View", "view"]


class Process(Struct):
    """One process now. `lag`, `age`: seconds; `cpu`: share of one core; `memory`: bytes; None: it does not say."""

    name: str
    host: str
    pid: int | None
    sockets: int
    sockets_max: int
    rooms: int
    streams: int
    slots: int
    lag: float | None
    cpu: float
    memory: int | None
    frames_per_second: float
    bytes_per_second: float
    age: float
    live: bool


class Totals(Struct):
    """All processes together. Rates are per second; of `first_token` half of all answers were faster (seconds)."""

    sockets: int
    rooms: int
    streams: int
    users: int
    questions_waiting: int | None
    oldest_waits: float | None
    documents_waiting: int | None
    messages_per_second: float
    answers_per_second: float
    deltas_per_second: float
    frames_per_second: float
    bytes_per_second: float
    tokens_per_second: float
    first_token: float | None
    answers: Mapping[str, int]


class View(Struct):
    database: bool
    redis: bool
    totals: Totals
    processes: list[Process]


def view(before: Page, now: Page) -> View:
    """`before`: some seconds earlier; rates are of the time in between."""
    names = sorted(
        (labels["host"], labels["process"])
        for labels, _ in now.samples.get("chatserver_process_cpu_seconds_total", ())
        if "process" in labels
    )
    processes = [_process(before, now, host, name) for host, name in names]
    shown = [process for process in processes if process.live or process.age > 0]
    return View(
        database=now.one("chatserver_database_up") == 1,
        redis=now.one("chatserver_redis_up") == 1,
        totals=_totals(before, now),
        processes=sorted(shown, key=lambda each: (each.host, _rank(each.name))),
    )


def _process(before: Page, now: Page, host: str, name: str) -> Process:
    mine = {"host": host, "process": name}

    def whole(metric: str) -> int:
        return int(now.total(metric, **mine))

    pid, memory = now.one("chatserver_process_pid", **mine), now.one("chatserver_process_resident_bytes", **mine)
    return Process(
        name=name,
        host=host,
        pid=None if pid is None else int(pid),
        sockets=whole("chatserver_sockets"),
        sockets_max=whole("chatserver_sockets_max"),
        rooms=whole("chatserver_rooms"),
        streams=whole("chatserver_answers_writing"),
        slots=whole("chatserver_answer_slots"),
        lag=now.one("chatserver_loop_lag_worst_seconds", **mine),
        cpu=_rate(before, now, "chatserver_process_cpu_seconds_total", **mine),
        memory=None if memory is None else int(memory),
        frames_per_second=_rate(before, now, "chatserver_frames_sent_total", **mine),
        bytes_per_second=_rate(before, now, "chatserver_sent_bytes_total", **mine),
        age=now.one("chatserver_snapshot_age_seconds", **mine) or 0.0,
        live=pid is not None,
    )


def _totals(before: Page, now: Page) -> Totals:
    def rate(metric: str, **labels: str) -> float:
        return _rate(before, now, metric, **labels)

    waiting = now.one("chatserver_queue_answers", state="pending")
    return Totals(
        sockets=int(now.total("chatserver_sockets")),
        rooms=int(now.total("chatserver_rooms")),
        streams=int(now.total("chatserver_answers_writing")),
        users=int(now.one("chatserver_users_online") or 0),
        questions_waiting=None if waiting is None else int(waiting),
        oldest_waits=now.one("chatserver_queue_age_seconds"),
        documents_waiting=int(now.total("chatserver_documents_waiting")) if waiting is not None else None,
        messages_per_second=rate("chatserver_messages_total"),
        answers_per_second=rate("chatserver_answers_total"),
        deltas_per_second=rate("chatserver_deltas_delivered_total"),
        frames_per_second=rate("chatserver_frames_sent_total"),
        bytes_per_second=rate("chatserver_sent_bytes_total"),
        tokens_per_second=rate("chatserver_tokens_total", kind="completion"),
        first_token=_median(now, "chatserver_answer_first_token_seconds"),
        answers={
            labels["status"]: int(now.total("chatserver_answers_total", status=labels["status"]))
            for labels, _ in now.samples.get("chatserver_answers_total", ())
        },
    )


def _rate(before: Page, now: Page, metric: str, **labels: str) -> float:
    """Per second. A series that is new, or began anew, counts from its next reading on."""
    earlier = {tuple(sorted(said.items())): value for said, value in before.samples.get(metric, ())}
    grown = 0.0
    for said, value in now.samples.get(metric, ()):
        if labels.items() <= said.items() and (known := earlier.get(tuple(sorted(said.items())))) is not None:
            grown += max(0.0, value - known)
    return grown / max(0.001, now.at - before.at)


def _median(now: Page, metric: str) -> float | None:
    """The upper bound of the bucket that half of all observations lie below."""
    counts: dict[float, float] = {}
    for labels, value in now.samples.get(f"{metric}_bucket", ()):
        counts[float(labels["le"])] = counts.get(float(labels["le"]), 0) + value
    half = max(counts.values(), default=0) / 2
    return min((bound for bound, count in counts.items() if half and count >= half), default=None)


def _rank(name: str) -> tuple[int, int]:
    role, _, number = name.rpartition("-")
    order = ("web", "answers", "documents")
    return (order.index(role) if role in order else len(order), int(number) if number.isdigit() else 0)
