"""Rooms, members and history over HTTP; the objects are those of the socket."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from ninja.responses import Status
from pydantic import Field

from chatserver import wiring
from chatserver.api.caller import current
from chatserver.api.fields import Text
from chatserver.api.wire import answer
from chatserver.protocol.frames import RESUME_ROOMS

router = Router(tags=["rooms"])


class NewRoom(Schema):
    title: Text = Field(min_length=1, max_length=200)
    kind: Literal["group", "direct"] = "group"
    policy: Literal["always", "mention", "off"] = "always"
    site: UUID | None = Field(None, description="may be left out by whoever belongs to one site")
    members: list[UUID] = Field(default=[], max_length=100)


class RoomPatch(Schema):
    title: Text | None = Field(None, min_length=1, max_length=200)
    policy: Literal["always", "mention", "off"] | None = None


class NewMember(Schema):
    user: UUID
    role: Literal["owner", "moderator", "member"] = "member"


class Latest(Schema):
    limit: int = Field(RESUME_ROOMS, ge=1, le=RESUME_ROOMS)


class Page(Schema):
    before: int = Field(2**53 - 1, ge=0, le=2**53 - 1, description="a `seq`")
    limit: int = Field(50, ge=1, le=100)


@router.get("")
async def rooms(request: HttpRequest, page: Query[Latest]) -> HttpResponse:
    """The caller's rooms, by latest activity: `{rooms, more}`."""
    principal = await current(request)
    entries, more = await wiring.services().store.entries(principal.user.id, limit=page.limit)
    return answer({"rooms": entries, "more": more})


@router.post("")
async def create(request: HttpRequest, body: NewRoom) -> HttpResponse:
    """A room that the caller owns; the answer is its entry."""
    principal = await current(request)
    actions = wiring.services().actions
    room = await actions.create_room(
        principal,
        str(body.site) if body.site else None,
        body.kind,
        body.title,
        body.policy,
        [str(member) for member in body.members],
    )
    return answer(await actions.entry(principal, room), status=201)


@router.get("/{uuid:room}")
async def read(request: HttpRequest, room: UUID) -> HttpResponse:
    return answer(await wiring.services().actions.entry(await current(request), str(room)))


@router.patch("/{uuid:room}")
async def update(request: HttpRequest, room: UUID, body: RoomPatch) -> HttpResponse:
    principal = await current(request)
    entry = await wiring.services().actions.update_room(principal, str(room), title=body.title, policy=body.policy)
    return answer(entry)


@router.delete("/{uuid:room}", response={204: None})
async def delete(request: HttpRequest, room: UUID) -> Status[None]:
    await wiring.services().actions.delete_room(await current(request), str(room))
    return Status(204, None)


@router.post("/{uuid:room}/members", response={204: None})
async def invite(request: HttpRequest, room: UUID, body: NewMember) -> Status[None]:
    """Add a member, or give one another role."""
    await wiring.services().actions.invite(await current(request), str(room), str(body.user), body.role)
    return Status(204, None)


@router.delete("/{uuid:room}/members/{uuid:user}", response={204: None})
async def remove(request: HttpRequest, room: UUID, user: UUID) -> Status[None]:
    """Remove a member; or, for oneself, leave."""
    await wiring.services().actions.remove_member(await current(request), str(room), str(user))
    return Status(204, None)


@router.post("/{uuid:room}/owner", response={204: None})
async def take_over(request: HttpRequest, room: UUID) -> Status[None]:
    """An operator answers from here on; the assistant is silent."""
    await wiring.services().actions.take_over(await current(request), str(room))
    return Status(204, None)


@router.delete("/{uuid:room}/owner", response={204: None})
async def hand_back(request: HttpRequest, room: UUID) -> Status[None]:
    """The assistant answers again."""
    await wiring.services().actions.hand_back(await current(request), str(room))
    return Status(204, None)


@router.get("/{uuid:room}/messages")
async def messages(request: HttpRequest, room: UUID, page: Query[Page]) -> HttpResponse:
    """Messages with a `seq` below `before`, newest first: `{messages, more}`."""
    principal = await current(request)
    found, more = await wiring.services().actions.history(principal, str(room), page.before, page.limit)
    return answer({"messages": found, "more": more})
