"""People who go on talking whatever the servers do: they reconnect, resume and send again what was not acknowledged."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from typing import Any

from websockets.exceptions import InvalidHandshake, WebSocketException

from tests.chat import Chat, Refused
from tests.client_model import ClientModel

RETRY_SECONDS = 0.1
PAUSE_SECONDS = 0.1
ASKS_EVERY = 10
"""Of so many messages one is a question."""
QUESTION = "What is a room?"
TEMPORARY = ("unavailable", "rate_limited", "unauthenticated")
"""`unauthenticated` only where PostgreSQL could not be asked; a token that is really bad fails the whole check."""


@dataclass
class Talker:
    """`sent`: texts by the client's own ids, in order; `acknowledged`: of those the ids that the server gave."""

    url: str
    token: str
    room: str
    options: dict[str, Any] = field(default_factory=dict)
    model: ClientModel = field(default_factory=ClientModel)
    sent: dict[str, str] = field(default_factory=dict)
    acknowledged: dict[str, str] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)
    connections: int = 0
    closed: list[int | None] = field(default_factory=list)
    """The codes with which servers closed its sockets."""

    async def talk(self, over: asyncio.Event) -> None:
        """Until `over`, and then until all it sent is acknowledged and every answer is there."""
        while not (over.is_set() and self.done):
            try:
                async with Chat(self.url, self.token, model=self.model, **self.options) as chat:
                    self.connections += 1
                    await chat.hello(self.room)
                    await self._converse(chat, over)
                self.closed.append(chat.closed)
            except (OSError, WebSocketException, InvalidHandshake, TimeoutError):
                await asyncio.sleep(RETRY_SECONDS)  # as a client does, with a pause; the condition is the loop's own
            except Refused as error:
                if error.code not in TEMPORARY:
                    raise
                await asyncio.sleep(RETRY_SECONDS)

    @property
    def done(self) -> bool:
        return self.acknowledged.keys() == self.sent.keys() and not self.waiting

    @property
    def waiting(self) -> list[str]:
        """Answers that have not come to their end here."""
        messages = self.model.rooms[self.room].messages if self.room in self.model.rooms else {}
        return [each for each in self.answers if messages.get(each, {}).get("status", "pending") == "pending"]

    async def _converse(self, chat: Chat, over: asyncio.Event) -> None:
        while chat.closed is None:
            if unsure := [cid for cid in self.sent if cid not in self.acknowledged]:
                await self._send(chat, unsure[0])
            elif not over.is_set():
                cid = uuid.uuid4().hex
                number = len(self.sent)
                self.sent[cid] = QUESTION if number % ASKS_EVERY == 0 else f"Message {number} {cid}"
                await self._send(chat, cid)
                await asyncio.sleep(PAUSE_SECONDS)
            elif not self.waiting:
                return
            else:
                await chat.until(lambda: not self.waiting or chat.closed is not None)

    async def _send(self, chat: Chat, cid: str) -> None:
        asks = list(self.sent).index(cid) % ASKS_EVERY == 0
        answer = await chat.ask(self.room, self.sent[cid], cid, ask=asks)
        self.acknowledged[cid] = answer["message"]
        if found := answer.get("answer"):
            self.answers.append(found)
