"""However the model's stream ends, its answer ends once, and everybody is told the same."""

from __future__ import annotations

from chatserver.providers.scripted import ScriptedServer
from chatserver.providers.scripted_endings import ENDINGS
from tests.cluster.conftest import Cluster

QUESTION = "What is a room?"
TEXT = "A room is where people talk. [1] 你好 🙂"


async def test_every_ending_of_a_stream_is_one_end_of_its_answer(cluster: Cluster) -> None:
    # Where a request is asked again at once, two endings would go to one question.
    names = [name for name, ending in ENDINGS.items() if not ending.unless]
    async with (
        ScriptedServer(text=TEXT, endings=names) as upstream,
        cluster.server(
            LLM_BASE_URL=upstream.base_url,
            LLM_MODEL="scripted",
            LLM_FIRST_TOKEN_SECONDS="0.5",
            LLM_BETWEEN_TOKENS_SECONDS="0.5",
            LLM_RETRIES="0",
        ) as server,
        cluster.chat(server, cluster.ann) as ann,
    ):
        await ann.hello()
        ended, answers = dict[str, str](), dict[str, str]()
        for name in names:
            room = await cluster.site.room(cluster.store, cluster.ann)  # without history: one request for each question
            await ann.command("room.join", room=room)
            answer = (await ann.ask(room, QUESTION))["answer"]
            final = await ann.until_status(room, answer, "complete", "failed")
            assert final["text"], name
            stored = await cluster.store.message(answer)
            assert stored is not None
            assert (stored.status, stored.text) == (final["status"], final["text"]), name
            ended[name] = final["status"]
            answers[name] = answer
        for name, answer in answers.items():
            messages = [frame["message"] for frame in ann.frames if frame["type"] == "message"]
            told = [message["status"] for message in messages if message["id"] == answer]
            assert told == ["pending", ended[name]], name
        assert upstream.chats == len(names)
        good = {name for name in names if ENDINGS[name].becomes in ("stop", "length")}
        assert {name for name, status in ended.items() if status == "complete"} == good
        assert "Traceback" not in server.log
