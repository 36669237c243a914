"""Signing in: sessions for our own pages, token pairs for apps, tickets for sockets that can send no header."""

from __future__ import annotations

from typing import Literal

from django.contrib.auth import alogin, alogout
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from ninja.responses import Status
from pydantic import Field

from chatserver import wiring
from chatserver.api.caller import address, check_csrf, current, limit
from chatserver.api.fields import Text
from chatserver.realtime.limits import Bucket
from chatserver.sites import passwords
from chatserver.sites.models import User
from chatserver.sites.tokens import Pair

__all__ = ["router"]

router = Router(tags=["auth"])

# A person mistypes a few times; a program tries thousands.
_by_address = Bucket(burst=30, per_second=0.5)
_by_name = Bucket(burst=10, per_second=0.1)


class Credentials(Schema):
    username: str = Field(max_length=150)
    password: str = Field(max_length=1024)


class Refresh(Schema):
    refresh: str = Field(min_length=1, max_length=512)


class Tokens(Schema):
    access: str
    refresh: str
    expires_in: int = Field(description="seconds until `access` ends")


class Ticket(Schema):
    ticket: str = Field(description="good for one socket within 60 s")


class Account(Schema):
    id: str
    name: str


class Place(Schema):
    """A site of a user."""

    id: str
    name: str
    assistant: str = Field(description="the name of its assistant; `@name` asks it")
    role: str = Field(description="`admin`, `operator` or `member`")
    suggestions: list[str] = Field(description="questions to begin with")


class Wanted(Schema):
    locale: Text = Field("", max_length=35, description="the language of the suggestions, such as `zh-CN`")


class Me(Account):
    kind: Literal["user", "visitor", "operator", "assistant", "system"]
    admin: bool = Field(description="manages a site: its rooms, people and documents")
    sites: list[Place] = Field(description="where rooms may be made; the first 100")


@router.post("/token", response=Tokens)
async def token(request: HttpRequest, response: HttpResponse, body: Credentials) -> Tokens:
    """For apps: a short-lived access token and a refresh token."""
    user = await _authenticate(request, body)
    return _tokens(response, await wiring.services().principals.tokens.pair(str(user.pk)))


@router.post("/refresh", response=Tokens)
async def refresh(request: HttpRequest, response: HttpResponse, body: Refresh) -> Tokens:
    """The next pair. Using a refresh token twice revokes all that came from the same sign-in."""
    return _tokens(response, await wiring.services().principals.tokens.refresh(body.refresh))


@router.post("/revoke", response={204: None})
async def revoke(request: HttpRequest, body: Refresh) -> Status[None]:
    """Sign the app out: the refresh token and its successors are void."""
    await wiring.services().principals.tokens.revoke(body.refresh)
    return Status(204, None)


@router.post("/ticket", response=Ticket)
async def ticket(request: HttpRequest, response: HttpResponse) -> Ticket:
    """For a socket where no header can be set; asked for by a page, it is good for pages of that origin only."""
    principal = await current(request)
    response["Cache-Control"] = "no-store"
    origin = request.headers.get("Origin", "")
    tokens = wiring.services().principals.tokens
    return Ticket(ticket=await tokens.ticket(principal.user.id, site=principal.site, origin=origin))


@router.get("/me", response=Me)
async def me(request: HttpRequest, response: HttpResponse, wanted: Query[Wanted]) -> Me:
    """Whose the session cookie or the bearer token is."""
    principal = await current(request)
    response["Cache-Control"] = "no-store"
    sites = await wiring.services().principals.sites(principal, wanted.locale)
    return Me(
        id=principal.user.id,
        name=principal.user.name,
        kind=principal.user.kind,
        admin=principal.superuser or "admin" in principal.roles.values(),
        sites=[
            Place(
                id=site.id,
                name=site.name,
                assistant=site.assistant,
                role=site.role,
                suggestions=list(site.suggestions),
            )
            for site in sites
        ],
    )


@router.post("/login", response=Account)
async def login(request: HttpRequest, body: Credentials) -> Account:
    """For our own pages: a session cookie."""
    check_csrf(request)
    user = await _authenticate(request, body)
    await alogin(request, user)
    return Account(id=str(user.pk), name=str(user))


@router.post("/logout", response={204: None})
async def logout(request: HttpRequest) -> Status[None]:
    check_csrf(request)
    await alogout(request)
    return Status(204, None)


async def _authenticate(request: HttpRequest, body: Credentials) -> User:
    limit(_by_address, address(request), "Too many attempts to sign in from this address.")
    limit(_by_name, body.username.casefold(), "Too many attempts to sign in under this name.")
    return await passwords.check(body.username, body.password)


def _tokens(response: HttpResponse, pair: Pair) -> Tokens:
    response["Cache-Control"] = "no-store"  # RFC 6749, 5.1
    return Tokens(access=pair.access, refresh=pair.refresh, expires_in=pair.expires_in)
