"""Credentials for tests, issued as the server would."""

from __future__ import annotations

import os
import uuid
from typing import cast

from chatserver.config import load
from chatserver.database import Pool
from chatserver.sites.tokens import Tokens


async def session_key(pool: Pool, user: str) -> str:
    """The cookie `sessionid` of a user of `tests.records`, as signing in sets it. Django has to be set up."""
    from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from chatserver.sites.models import User

    said = {SESSION_KEY: user, HASH_SESSION_KEY: User(password="!").get_session_auth_hash()}
    key = uuid.uuid4().hex
    await pool.execute(
        """INSERT INTO django_session(session_key, session_data, expire_date)
           VALUES ($1, $2, now() + interval '1 day')""",
        *(key, SessionStore().encode(said)),
    )
    return key


def access_token(user: str) -> str:
    """An access token under this environment's SECRET_KEY; needs no database."""
    return Tokens(cast(Pool, None), load(os.environ)).access(user)
