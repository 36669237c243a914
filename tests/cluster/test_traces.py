"""One question is one trace, across the processes that take it, answer it, and take it over."""

from __future__ import annotations

import socket

import httpx

from chatserver.providers.scripted import ScriptedServer
from tests.cluster.conftest import Cluster
from tests.cluster.test_answer_worker import answer_worker
from tests.credentials import access_token
from tests.otlp import DEADLINE, Receiver, Span, receiver

WORDS = " ".join(f"word{n}" for n in range(30)) + ". A room is a place. [1]"
QUESTION = "What is a room?"


def one(spans: list[Span], name: str) -> Span:
    (found,) = [span for span in spans if span.name == name]
    return found


def names(spans: list[Span]) -> set[str]:
    return {span.name for span in spans}


def within(spans: list[Span], inner: str, outer: str) -> bool:
    child, parent = one(spans, inner), one(spans, outer)
    return child.parent == parent.id and child.trace == parent.trace


def tells_nobody_what_was_said(receiver: Receiver) -> bool:
    """Not in an attribute, nor anywhere else in what was sent."""
    sent = b"".join(receiver.bodies)
    return not any(word in sent for word in (b"What is", b"word1", b"a place", b"Ann"))


async def test_one_trace_goes_from_the_frame_to_the_settled_answer_in_another_process(cluster: Cluster) -> None:
    with receiver() as traces:
        environ = {"OTLP_URL": traces.url, "OTLP_HEADERS": "x-key=for-the-receiver"}
        async with ScriptedServer(text=WORDS, first_token=0.05, rate=200) as upstream:
            model = {"LLM_BASE_URL": upstream.base_url, "LLM_MODEL": "scripted"}
            async with (
                cluster.server(**environ, ANSWERS_PER_PROCESS="0") as server,
                answer_worker({**cluster.environ, **environ, **model}),
                cluster.chat(server, cluster.ann) as ann,
            ):
                room = await cluster.site.room(cluster.store, cluster.ann)
                await ann.hello(room)
                answer = (await ann.ask(room, QUESTION))["answer"]
                await ann.until_status(room, answer, "complete")
                await ann.command("answer.retry", message=answer, attempt=1)
                await ann.until(lambda: ann.model.rooms[room].messages[answer]["attempt"] == 2)
                await ann.until_status(room, answer, "complete")
                async with httpx.AsyncClient(trust_env=False, timeout=DEADLINE) as http:
                    bearer = {"Authorization": f"Bearer {access_token(cluster.ann.id)}"}
                    question = {"question": QUESTION, "room": room}
                    await http.post(f"{server.http}/api/v1/ask", json=question, headers=bearer)
                sent = await traces.until(lambda spans: sum(span.name == "answer" for span in spans) == 3)
                sent = await traces.until(lambda spans: {"message.send", "answer.retry", "POST /api"} <= names(spans))

    asked = one(sent, "message.send")
    spans = [span for span in sent if span.trace == asked.trace]
    assert {"append", "claim", "context", "retrieve", "lexical", "model", "first token", "settle"} <= names(spans)
    assert within(spans, "append", "message.send")
    assert within(spans, "answer", "message.send")
    for part in ("claim", "context", "retrieve", "model", "settle"):
        assert within(spans, part, "answer")
    assert within(spans, "lexical", "retrieve")
    assert within(spans, "first token", "model")

    written = one(spans, "answer")
    assert one(spans, "append").process == asked.process != written.process == one(spans, "settle").process
    about = written.attributes
    assert (about["chat.room"], about["chat.answer"], about["chat.attempt"]) == (room, answer, 1)
    assert one(spans, "model").attributes["gen_ai.request.model"] == "scripted"
    assert one(spans, "model").attributes["chat.passages"] == 1
    assert one(spans, "settle").attributes["chat.status"] == "complete"
    starts = [one(spans, name).start for name in ("message.send", "context", "retrieve", "first token", "settle")]
    assert starts == sorted(starts)

    posted = one(sent, "POST /api")
    assert posted.attributes["http.response.status_code"] == 200
    over_http = [span for span in sent if span.trace == posted.trace]
    assert within(over_http, "append", "POST /api")
    assert within(over_http, "answer", "POST /api")

    again = one(sent, "answer.retry")  # a trace of its own, that points to the question
    retried = [span for span in sent if span.trace == again.trace]
    assert within(retried, "answer", "answer.retry")
    assert one(retried, "answer").links == ((asked.trace, asked.id),)
    assert (one(retried, "answer").attributes["chat.attempt"], written.links) == (2, ())

    assert not any(span.failed for span in sent)
    assert tells_nobody_what_was_said(traces)
    assert all(headers["x-key"] == "for-the-receiver" for headers in traces.headers)


async def test_a_receiver_that_is_away_costs_its_traces_and_nothing_else(cluster: Cluster) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with (
            ScriptedServer(text=WORDS, rate=500) as upstream,
            cluster.server(OTLP_URL=url, LLM_BASE_URL=upstream.base_url, LLM_MODEL="scripted") as server,
            cluster.chat(server, cluster.ann) as ann,
        ):
            room = await cluster.site.room(cluster.store, cluster.ann)
            await ann.hello(room)
            answer = (await ann.ask(room, QUESTION))["answer"]
            assert (await ann.until_status(room, answer, "complete"))["text"] == WORDS
            assert await server.stop() == 0
    assert server.log.count("OTLP_URL does not take them") == 1
    assert "Traceback" not in server.log
