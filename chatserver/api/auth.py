"""Signing in: sessions for our own pages, token pairs for apps, tickets for sockets that can send no header."""

from __future__ import annotations

import time

from asgiref.sync import sync_to_async
from django.contrib.auth import alogin, alogout, authenticate
from django.db import connection
from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from chatserver import wiring
from chatserver.api.caller import address, check_csrf, current
from chatserver.errors import Forbidden, RateLimited, Unauthenticated
from chatserver.realtime.limits import Bucket
from chatserver.sites.models import User
from chatserver.sites.tokens import Pair

__all__ = ["current", "router"]

router = Router(tags=["auth"])

# A person mistypes a few times; a program tries thousands. Per process, which bounds it well enough.
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


class Me(Schema):
    id: str
    name: str


@router.post("/token", response=Tokens)
async def token(request: HttpRequest, body: Credentials) -> Tokens:
    """For apps: a short-lived access token and a refresh token."""
    user = await _authenticate(request, body)
    return _tokens(await wiring.services().principals.tokens.pair(str(user.pk)))


@router.post("/refresh", response=Tokens)
async def refresh(request: HttpRequest, body: Refresh) -> Tokens:
    """The next pair. Using a refresh token twice revokes all that came from the same sign-in."""
    return _tokens(await wiring.services().principals.tokens.refresh(body.refresh))


@router.post("/revoke", response={204: None})
async def revoke(request: HttpRequest, body: Refresh) -> tuple[int, None]:
    """Sign the app out: the refresh token and its successors are void."""
    await wiring.services().principals.tokens.revoke(body.refresh)
    return 204, None


@router.post("/ticket", response=Ticket)
async def ticket(request: HttpRequest) -> Ticket:
    """For a socket where no header can be set."""
    principal = await current(request)
    return Ticket(ticket=await wiring.services().principals.tokens.ticket(principal.user.id, site=principal.site))


@router.post("/login", response=Me)
async def login(request: HttpRequest, body: Credentials) -> Me:
    """For our own pages: a session cookie."""
    check_csrf(request)
    user = await _authenticate(request, body)
    await alogin(request, user)
    return Me(id=str(user.pk), name=str(user))


@router.post("/logout", response={204: None})
async def logout(request: HttpRequest) -> tuple[int, None]:
    check_csrf(request)
    await alogout(request)
    return 204, None


async def _authenticate(request: HttpRequest, body: Credentials) -> User:
    """Hashing takes a good part of a second on purpose; Django does it in a thread."""
    now = time.monotonic()
    for bucket, key in ((_by_address, address(request)), (_by_name, body.username.casefold())):
        if wait := bucket.take(key, now):
            raise RateLimited("Too many attempts to sign in.", retry_after=round(wait, 1))
    if "\0" in body.username + body.password:
        raise Unauthenticated("The user name or the password is wrong.")
    user = await sync_to_async(_check, thread_sensitive=False)(request, body)
    if user is None:
        raise Unauthenticated("The user name or the password is wrong.")
    return user


def _check(request: HttpRequest, body: Credentials) -> User | None:
    try:
        found = authenticate(request, username=body.username, password=body.password)
    finally:
        connection.close()  # this thread is one of many and does not keep it
    if isinstance(found, User) and found.kind != "user":
        raise Forbidden
    return found if isinstance(found, User) else None


def _tokens(pair: Pair) -> Tokens:
    return Tokens(access=pair.access, refresh=pair.refresh, expires_in=pair.expires_in)
