"""The model client against every way in which a server ends an answer, over real TCP."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatserver.errors import ProviderError
from chatserver.providers.base import ChatMessage, Finish, Prompt, Text, Usage
from chatserver.providers.openai import OpenAIChat
from chatserver.providers.scripted import ScriptedServer
from chatserver.providers.scripted_endings import ENDINGS, chunk, done, finish
from tests.conftest import ROOT

KEY = "sk-very-secret"
TEXT = "Sockets stay open. 你好，世界 🙂 [1]"
PROMPT = Prompt(messages=(ChatMessage("system", "Be brief."), ChatMessage("user", "Who?")), question="Who?")
DEADLINE = 10.0


def chat(base_url: str, *, first_token: float = 5.0, between_tokens: float = 5.0, retries: int = 0) -> OpenAIChat:
    return OpenAIChat(
        base_url, "scripted", KEY, first_token=first_token, between_tokens=between_tokens, retries=retries
    )


async def read(model: OpenAIChat) -> tuple[str, Finish | ProviderError]:
    """The text, and the one end of the stream; anything after an end is a failure."""
    texts: list[str] = []
    ends: list[Finish | ProviderError] = []
    try:
        async with asyncio.timeout(DEADLINE), aclosing(model.stream(PROMPT)) as items:
            async for item in items:
                assert not ends, f"{item} after {ends}"
                match item:
                    case Text(text):
                        assert text
                        texts.append(text)
                    case Finish():
                        ends.append(item)
    except ProviderError as error:
        ends.append(error)
    (end,) = ends
    return "".join(texts), end


async def ask(base_url: str, **options: float) -> tuple[str, Finish | ProviderError]:
    model = chat(base_url, **options)  # type: ignore[arg-type]
    try:
        return await read(model)
    finally:
        await model.aclose()


@pytest.mark.parametrize("name", ENDINGS)
async def test_each_way_to_end_becomes_one_end(name: str) -> None:
    ending = ENDINGS[name]
    quick = {"first_token": 0.3, "between_tokens": 0.3} if ending.becomes == "timeout" else {}
    async with ScriptedServer(TEXT, endings=[name]) as server:
        text, end = await ask(server.base_url, **quick)
        assert (end.reason if isinstance(end, Finish) else end.kind) == ending.becomes
        if isinstance(end, ProviderError):
            assert KEY not in end.message
            assert end.message
        if ending.becomes in ("stop", "length") and (ending.body is None or ending.unless):
            assert TEXT in text
        assert server.last_headers["authorization"] == f"Bearer {KEY}"
        await server.until(lambda: server.connections == 0)  # nothing of the exchange stays behind


@pytest.mark.parametrize("name", ["done", "usage_with_empty_delta", "usage_in_finish", "not_streamed"])
async def test_reads_the_usage_wherever_it_stands(name: str) -> None:
    async with ScriptedServer(TEXT, endings=[name]) as server:
        _, end = await ask(server.base_url)
    assert end == Finish("stop", Usage(7, 3))


async def raw_server(parts: list[bytes]) -> asyncio.Server:
    """Sends `parts` each as an HTTP chunk of its own, whatever was asked."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for part in parts:
            writer.write(b"%x\r\n%b\r\n" % (len(part), part))
            await writer.drain()
            await asyncio.sleep(0)
        writer.write(b"0\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    return await asyncio.start_server(answer, "127.0.0.1", 0)


async def ask_raw(parts: list[bytes]) -> tuple[str, Finish | ProviderError]:
    async with await raw_server(parts) as server:
        return await ask(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")


STREAM = b": hi\r\n\r\n" + b"".join(chunk({"content": part}) for part in ("é", "你好", "🙂")) + finish() + done


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sets(st.integers(1, len(STREAM) - 1), max_size=20))
def test_the_split_of_the_bytes_changes_nothing(cuts: set[int]) -> None:
    parts = [STREAM[a:b] for a, b in pairwise([0, *sorted(cuts), len(STREAM)])]
    assert asyncio.run(ask_raw(parts)) == ("é你好🙂", Finish("stop"))


async def test_a_stream_cut_at_any_byte_is_never_complete_before_its_finish() -> None:
    whole = chunk({"content": "你好"}) + finish()
    for size in range(0, len(whole), 7):
        text, end = await ask_raw([whole[:size]] if size else [])
        assert isinstance(end, ProviderError), f"{size} bytes: {text!r}, {end}"
        assert end.kind in ("cut", "empty")


async def test_stopping_closes_the_connection_at_once() -> None:
    async with ScriptedServer(tokens=1000, rate=100) as server:
        model = chat(server.base_url)
        async with aclosing(model.stream(PROMPT)) as items:
            assert await anext(items) == Text("word0")
            assert server.open == 1
        await server.until_aborted(1)
        assert server.open == 0
        await model.aclose()


@pytest.mark.parametrize("first_token", [60.0, 0.0], ids=["before the first token", "after it"])
async def test_cancelling_closes_the_connection_at_once(first_token: float) -> None:
    async with ScriptedServer(tokens=1000, rate=10, first_token=first_token) as server:
        model = chat(server.base_url, first_token=60)
        task = asyncio.create_task(read(model))
        await server.until(lambda: server.open == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.until_aborted(1)
        await model.aclose()


async def test_closing_the_model_closes_its_connections_and_it_can_be_used_again() -> None:
    async with ScriptedServer(TEXT) as server:
        model = chat(server.base_url)
        assert (await read(model))[0] == TEXT
        assert server.connections == 1
        await model.aclose()
        await server.until(lambda: server.connections == 0)
        assert (await read(model))[0] == TEXT
        await model.aclose()


@pytest.mark.parametrize("ending", ["rate_limited", "loading", "bad_gateway"])
async def test_asks_again_when_the_server_was_only_busy(ending: str) -> None:
    async with ScriptedServer(TEXT, endings=[ending, "done"]) as server:
        assert (await ask(server.base_url, retries=2)) == (TEXT, Finish("stop", Usage(7, 3)))
        assert server.chats == 2


@pytest.mark.parametrize("ending", ["rate_limited", "loading"])
async def test_gives_up_after_its_retries(ending: str) -> None:
    async with ScriptedServer(endings=[ending]) as server:
        _, end = await ask(server.base_url, retries=1)
        assert isinstance(end, ProviderError)
        assert server.chats == 2


@pytest.mark.parametrize(
    "ending", ["unauthorized", "code_int", "no_such_model", "rate_limited_for_long", "reset", "error_in_stream", "end"]
)
async def test_does_not_ask_again_what_more_asking_cannot_mend(ending: str) -> None:
    async with ScriptedServer(endings=[ending, "done"]) as server:
        _, end = await ask(server.base_url, retries=2)
        assert isinstance(end, ProviderError)
        assert server.chats == 1


async def test_a_refused_usage_option_is_remembered() -> None:
    async with ScriptedServer(TEXT, endings=["no_usage_option"]) as server:
        model = chat(server.base_url)
        for requests in (2, 3):
            text, end = await read(model)
            assert (text, end) == (TEXT, Finish("stop", Usage(7, 3)))
            assert server.chats == requests
        await model.aclose()


async def test_an_unreachable_server_is_said_to_be_so() -> None:
    async with ScriptedServer() as server:
        url = server.base_url
    _, end = await ask(url)
    assert isinstance(end, ProviderError)
    assert end.kind == "connect"


async def test_one_connection_serves_one_answer_after_the_other() -> None:
    async with ScriptedServer(TEXT) as server:
        model = chat(server.base_url)
        for _ in range(5):
            await read(model)
        assert (server.chats, server.connections) == (5, 1)
        await model.aclose()


async def test_runs_as_a_program() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chatserver.providers.scripted", "--tokens", "3", "--rate", "0", "--ending", "length"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(DEADLINE):
            line = (await process.stdout.readline()).decode().strip()
        address = line.removeprefix("listening on ")
        assert await ask(f"http://{address}/v1") == ("word0 word1 word2", Finish("length", Usage(7, 3)))
    finally:
        process.terminate()
        await process.wait()
