"""Hello: who it is, whether they may be here, and the resume of their rooms."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import UNSET

from chatserver import wiring
from chatserver.errors import ChatError, Forbidden, NotFound, RateLimited, Unauthenticated, Unavailable
from chatserver.protocol import codec
from chatserver.protocol.frames import (
    FORBIDDEN,
    LIMITED,
    UNAUTHENTICATED,
    AuthRefresh,
    Close,
    Hello,
    Ok,
    Ready,
    RoomGone,
    ServerFrame,
    Welcome,
)
from chatserver.protocol.frames import Limits as WireLimits
from chatserver.protocol.session import Session
from chatserver.realtime.limits import Limits
from chatserver.realtime.socket import Socket
from chatserver.sites.principals import Principal
from chatserver.wiring import Services
from consumers.commands import Commands, told
from consumers.origin import Handshake
from consumers.writer import Writer

__all__ = ["Greeting", "may_connect"]


async def may_connect(handshake: Handshake) -> bool:
    """Whether a socket may open at all: a page must be one of ours, or of a site that lists its origin.

    While the records are away nobody can say; the hello will.
    """
    if handshake.origin is None or handshake.own:
        return True
    if not handshake.acceptable:
        return False
    try:
        return await wiring.services().principals.is_site_origin(handshake.origin)
    except Unavailable:
        return True


class Greeting:
    """One socket's credentials, from its handshake, its hello and its refreshes."""

    def __init__(
        self,
        handshake: Handshake,
        sock: Socket,
        session: Session,
        writer: Writer,
        commands: Commands,
        rearm: Callable[[], None],
    ) -> None:
        self._handshake = handshake
        self._sock = sock
        self._session = session
        self._writer = writer
        self._commands = commands
        self._rearm = rearm
        self._proved: tuple[str, Principal] | None = None
        self._principal: Principal | None = None
        self._services: Services | None = None
        self._counted_user: str | None = None
        self._counted_address: Limits | None = None

    def admit(self) -> Close | None:
        """Count the socket by its address; why it must be closed at once, if there are too many."""
        limits = wiring.services().limits
        try:
            limits.enter_address(self._handshake.address)
        except RateLimited as error:
            return Close(LIMITED.code, error.message, error.retry_after)
        self._counted_address = limits
        return None

    async def greet(self, hello: Hello) -> None:
        """Answer `hello` and resume its rooms; never raises but for cancellation."""
        try:
            services = wiring.services()
            principal = await self._prove(services, hello)
            await self._welcome(services, principal, hello)
        except Exception as error:
            self._refuse(told(error, "hello"), hello)
            return
        await self._resume(services, hello)
        self._offer(Ready())

    async def refresh(self, command: AuthRefresh) -> Ok:
        """Renew the credentials. Raises `Forbidden` for those of somebody else."""
        if self._services is None or self._principal is None:
            raise Unauthenticated("Say hello first.")
        principal = await self._services.principals.from_token(command.token, self._handshake.origin)
        if principal.user.id != self._principal.user.id:
            raise Forbidden("These credentials belong to another user.")
        self._enter(self._services, principal)
        return Ok(re=command.id, expires=_time(principal.expires) or UNSET)

    async def part(self) -> None:
        """The socket is gone."""
        if self._counted_address is not None:
            self._counted_address.exit_address(self._handshake.address)
        if self._services is not None:
            self._count_user(self._services, None)
            await self._services.hub.detach(self._sock)

    def _count_user(self, services: Services, user: str | None) -> None:
        """Count the socket as one of `user`'s. Raises `RateLimited` when they have too many."""
        if user == self._counted_user:
            return
        if self._counted_user is not None:
            services.limits.exit_user(self._counted_user)
            self._counted_user = None
        if user is not None:
            services.limits.enter_user(user)
            self._counted_user = user

    async def _prove(self, services: Services, hello: Hello) -> Principal:
        """Who it is. A credential of the handshake beats the token of the hello."""
        token = "" if hello.token is UNSET else hello.token
        if self._proved is not None and self._proved[0] == token:
            return self._proved[1]  # a repeated hello: a ticket is good only once
        principals, handshake = services.principals, self._handshake
        principal: Principal | None = None
        if handshake.bearer:
            principal = await principals.from_bearer(handshake.bearer)
        elif handshake.session:
            principal = await principals.from_cookie(handshake.session)
        if principal is None:
            if not token:
                raise Unauthenticated
            principal = await principals.from_token(token, handshake.origin)
        self._proved = (token, principal)
        return principal

    async def _welcome(self, services: Services, principal: Principal, hello: Hello) -> None:
        hub, sock = services.hub, self._sock
        self._services = services
        self._count_user(services, principal.user.id)
        sock.user = principal.user
        self._writer.hold()  # the user's events begin before the list of their rooms is read, but come after it
        try:
            await hub.attach(sock)
            epoch, rooms, more = await hub.welcome(principal.user)
            early = self._writer.take_back()
            self._offer(
                Welcome(
                    re=hello.id,
                    epoch=epoch,
                    conn=sock.conn,
                    user=principal.user,
                    limits=WireLimits(sends_per_minute=services.config.sends_per_minute),
                    expires=_time(principal.expires),
                    rooms=rooms,
                    more=more,
                )
            )
            for data in early:
                sock.offer(data)
        except BaseException:
            await hub.detach(sock)
            raise
        finally:
            self._writer.release()
        # Positions of another database, or of another time of this one, mean nothing here.
        if hello.epoch is not UNSET and hello.epoch != epoch:
            for resume in hello.rooms:
                resume.rev = UNSET
        self._enter(services, principal)

    def _enter(self, services: Services, principal: Principal) -> None:
        self._principal = principal
        lifetime = None
        if principal.expires is not None:
            lifetime = principal.expires - time.time()
        self._session.welcome(asyncio.get_running_loop().time(), lifetime)
        self._rearm()
        self._commands.open(services, principal)

    def _refuse(self, error: ChatError, hello: Hello) -> None:
        self._offer(codec.error_frame(error, re=hello.id))
        match error:
            case Unauthenticated():
                self._sock.close(UNAUTHENTICATED)
            case Forbidden():
                self._sock.close(FORBIDDEN)
            case RateLimited():
                self._sock.close(Close(LIMITED.code, error.message, error.retry_after))
            case _:
                # The records are away, or we failed: the client may say it again.
                self._session.postpone(asyncio.get_running_loop().time())
                self._rearm()
                self._commands.fail()

    async def _resume(self, services: Services, hello: Hello) -> None:
        """Each room once, the next only while less than 64 KiB lies unsent."""
        for resume in {resume.room: resume for resume in hello.rooms}.values():
            await self._writer.drained()
            rev = None if resume.rev is UNSET else resume.rev
            try:
                await services.hub.join(resume.room, self._sock, rev, None)
            except NotFound:
                self._offer(RoomGone(room=resume.room, code="not_found"))
            except Exception as error:
                self._offer(codec.error_frame(told(error, "resume"), room=resume.room))

    def _offer(self, frame: ServerFrame) -> None:
        self._sock.offer(codec.encode(frame))


def _time(moment: float | None) -> str | None:
    """RFC 3339, UTC, to the second and never late."""
    return None if moment is None else datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
