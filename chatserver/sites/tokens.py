"""Credentials that the server issues: access tokens (JWT), refresh tokens, tickets and visitors' tokens.

Of everything but access tokens only a SHA-256 is stored: they are 256 random bits, so nothing slower is needed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
import uuid
from datetime import UTC, datetime, timedelta

import jwt
from msgspec import Struct

from chatserver.config import Config, secret_key
from chatserver.database import Pool, translated
from chatserver.errors import Invalid, Unauthenticated

__all__ = ["TICKET_PREFIX", "Access", "Identity", "Pair", "Tokens", "check_identity", "digest", "new_token"]

TICKET_SECONDS = 60
TICKET_PREFIX = "t_"
IDENTITY_SECONDS = 3600
CLOCK_SECONDS = 60
"""How far the clock of a host site may be off."""
SWEEP_SECONDS = 300.0


class Access(Struct, frozen=True):
    """What an access token says: whose it is, until when (Unix seconds)."""

    user: str
    expires: float


class Pair(Struct, frozen=True):
    access: str
    refresh: str
    expires_in: int


class Identity(Struct, frozen=True):
    """Who a visitor is, signed by the host site's back end."""

    subject: str
    name: str = ""
    email: str = ""


def new_token(prefix: str = "") -> str:
    return prefix + secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


class Tokens:
    """Issues and checks. Methods that touch the records raise `Unavailable` when PostgreSQL is away."""

    def __init__(self, pool: Pool, config: Config) -> None:
        self._pool = pool
        self._seconds = config.access_token_seconds
        self._days = config.refresh_token_days
        # A key of its own, so that no other signature made with SECRET_KEY can pass for a token.
        self._key = hmac.digest(secret_key(config).encode(), b"chatserver access token", "sha256")
        self._swept = 0.0

    # --- access tokens -----------------------------------------------------------------------------------------------

    def access(self, user: str, now: float | None = None) -> str:
        issued = int(time.time() if now is None else now)
        claims = {"sub": user, "iat": issued, "exp": issued + self._seconds, "typ": "access"}
        return jwt.encode(claims, self._key, algorithm="HS256")

    def check_access(self, token: str) -> Access:
        """Raises `Unauthenticated`."""
        try:
            claims = jwt.decode(token, self._key, algorithms=["HS256"], options={"require": ["sub", "exp", "typ"]})
            user = str(uuid.UUID(claims["sub"]))
        except (jwt.InvalidTokenError, ValueError, TypeError):
            raise Unauthenticated from None
        if claims["typ"] != "access":
            raise Unauthenticated
        return Access(user, float(claims["exp"]))

    # --- refresh tokens ----------------------------------------------------------------------------------------------

    async def pair(self, user: str) -> Pair:
        """The first pair of a new family."""
        token = new_token()
        async with translated():
            await self._pool.execute(
                """INSERT INTO sites_refreshtoken(digest, family, user_id, expires, revoked)
                   VALUES ($1, $2, $3::uuid, $4, false)""",
                digest(token),
                uuid.uuid4(),
                user,
                self._refresh_expires(),
            )
            await self._sweep()
        return Pair(self.access(user), token, self._seconds)

    async def refresh(self, token: str) -> Pair:
        """Exchange a refresh token for the next pair. A token used before revokes its whole family: one of the two who
        have it stole it (RFC 9700, 4.14.2). Raises `Unauthenticated`.
        """
        successor = new_token()
        async with translated():
            # One statement: between the old link and the new one nobody can revoke the family and miss the new one.
            user = await self._pool.fetchval(
                """WITH link AS (
                     UPDATE sites_refreshtoken t SET used = now() FROM sites_user u
                      WHERE t.digest = $1 AND t.used IS NULL AND NOT t.revoked AND t.expires > now()
                        AND u.id = t.user_id AND u.is_active RETURNING t.user_id, t.family)
                   INSERT INTO sites_refreshtoken(digest, family, user_id, expires, revoked)
                   SELECT $2, family, user_id, $3, false FROM link RETURNING user_id""",
                digest(token),
                digest(successor),
                self._refresh_expires(),
            )
            if user is None:
                await self._revoke(token)
                raise Unauthenticated
        return Pair(self.access(str(user)), successor, self._seconds)

    async def revoke(self, token: str) -> None:
        """End the token's family; an unknown token is as good as a revoked one."""
        async with translated():
            await self._revoke(token)

    async def _revoke(self, token: str) -> None:
        await self._pool.execute(
            """UPDATE sites_refreshtoken SET revoked = true
               WHERE family = (SELECT family FROM sites_refreshtoken WHERE digest = $1)""",
            digest(token),
        )

    def _refresh_expires(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=self._days)

    # --- tickets -----------------------------------------------------------------------------------------------------

    async def ticket(self, user: str, *, site: str | None = None, origin: str = "") -> str:
        """A credential for one socket, within 60 s; for a page of `origin` only, when that is given."""
        token = new_token(TICKET_PREFIX)
        async with translated():
            await self._pool.execute(
                """INSERT INTO sites_ticket(digest, user_id, site_id, origin, expires)
                   VALUES ($1, $2::uuid, $3::uuid, $4, $5)""",
                digest(token),
                user,
                site,
                origin,
                datetime.now(UTC) + timedelta(seconds=TICKET_SECONDS),
            )
            await self._sweep()
        return token

    async def redeem(self, ticket: str, origin: str | None) -> str:
        """The user of a ticket, which is spent by this whatever comes of it. Raises `Unauthenticated`."""
        async with translated():
            row = await self._pool.fetchrow(
                "DELETE FROM sites_ticket WHERE digest = $1 RETURNING user_id, origin, expires > now() AS fresh",
                digest(ticket),
            )
        if row is None or not row["fresh"] or (row["origin"] and row["origin"] != origin):
            raise Unauthenticated
        return str(row["user_id"])

    async def _sweep(self) -> None:
        """Now and then, delete what has expired."""
        if (now := time.monotonic()) - self._swept > SWEEP_SECONDS:
            self._swept = now
            await self._pool.execute("DELETE FROM sites_ticket WHERE expires < now()")
            await self._pool.execute("DELETE FROM sites_refreshtoken WHERE expires < now()")


def check_identity(token: str, secret: str) -> Identity:
    """A host site's word about its visitor: an HS256 JWT under the site's secret that lives at most an hour.

    Raises `Invalid` saying what is wrong with it: its reader is the developer who signs it.
    """
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            leeway=CLOCK_SECONDS,
            options={"require": ["sub", "exp"], "verify_aud": False},
        )
        expires = int(claims["exp"])  # PyJWT takes text for a number
    except jwt.ExpiredSignatureError:
        raise Invalid("identity", "the token has expired.") from None
    except jwt.MissingRequiredClaimError as error:
        raise Invalid("identity", f"the claim {error.claim} is missing.") from None
    except jwt.ImmatureSignatureError:
        raise Invalid("identity", "iat or nbf lies in the future.") from None
    except (jwt.InvalidTokenError, ValueError):
        raise Invalid("identity", "this is no HS256 JWT signed with the site's secret.") from None
    subject, name, email = claims["sub"], claims.get("name") or "", claims.get("email") or ""
    if not all(isinstance(value, str) and _storable(value) for value in (subject, name, email)):
        raise Invalid("identity", "sub, name and email must be text.")
    if not 1 <= len(subject) <= 255:
        raise Invalid("identity", "sub must have 1 to 255 characters.")
    if expires > time.time() + IDENTITY_SECONDS + CLOCK_SECONDS:
        raise Invalid("identity", "exp must be within one hour.")
    return Identity(subject, name[:150], email[:254])


def _storable(value: str) -> bool:
    """JSON may escape what PostgreSQL's text cannot hold: NUL, and half of a surrogate pair."""
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)
