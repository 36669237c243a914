"""Credentials for tests, issued as the server would."""

from __future__ import annotations

import os
from typing import cast

from chatserver.config import load
from chatserver.database import Pool
from chatserver.sites.tokens import Tokens


def access_token(user: str) -> str:
    """An access token under this environment's SECRET_KEY; needs no database."""
    return Tokens(cast(Pool, None), load(os.environ)).access(user)
