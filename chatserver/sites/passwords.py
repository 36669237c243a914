"""Checking passwords. A hash takes a good part of a second on purpose, so it has two threads and a queue of its own."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from django.contrib.auth import authenticate
from django.db import InterfaceError, OperationalError, connections

from chatserver.errors import RateLimited, Unauthenticated, Unavailable
from chatserver.sites.models import Kind, User

__all__ = ["WRONG", "check"]

THREADS = 2
WAITING = 32
"""Sign-ins at once, those that are being looked at among them: some ten seconds of work."""
WRONG = "The user name or the password is wrong."

# Not the loop's default executor: sign-ins must not stand in the way of name lookups and the search index.
_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
_places = threading.BoundedSemaphore(WAITING)


async def check(username: str, password: str) -> User:
    """The user, by Django's AUTHENTICATION_BACKENDS, which take as long for a name that nobody has.

    Raises `Unauthenticated`, `RateLimited` when too many sign in at once, `Unavailable`.
    """
    if "\0" in username + password:  # PostgreSQL has no such text
        raise Unauthenticated(WRONG)
    if not _places.acquire(blocking=False):
        raise RateLimited("Too many people are signing in.", retry_after=5)
    future = _threads.submit(_check, username, password)
    # Whoever gives up waiting does not free the place: the thread goes on hashing.
    future.add_done_callback(lambda _: _places.release())
    user = await asyncio.wrap_future(future)
    if user is None:
        raise Unauthenticated(WRONG)
    return user


def _check(username: str, password: str) -> User | None:
    try:
        user = authenticate(username=username, password=password)
    except (OperationalError, InterfaceError) as error:
        raise Unavailable from error
    finally:
        connections.close_all()  # those of this thread; nothing else of it needs one
    if isinstance(user, User) and user.kind in (Kind.USER, Kind.OPERATOR):
        return user
    return None
