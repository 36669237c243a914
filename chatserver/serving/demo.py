"""What `make run` shows on an empty database: a site, a user who may do everything, a room, documents: our own
documentation, and what the pages of the demo site say.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
from typing import Any

from msgspec import Struct

from chatserver.config import BASE_DIR, Config
from chatserver.processes import end_with_parent
from chatserver.rooms.store import Store
from chatserver.sites.models import Site, SiteMember, User

__all__ = ["KEY", "Demo", "ingest_documentation", "make_demo", "refresh_demo"]

KEY = "demo"
USERNAME = "demo"
COLLECTION = "Documentation"
DOCUMENTS = ("README*.md", "docs/**/*.md", "chatserver/serving/demo_site/content/**/*.md")
"""What the demo answers from: prose, and not the scripts and schemas beside it."""
TEXTS: dict[str, dict[str, Any]] = {
    "en": {
        "greeting": "Hello! Ask me about our coffee, your order or when we are open.",
        "suggestions": [
            "When are you open on Sunday?",
            "What does shipping cost?",
            "How do I brew with a French press?",
            "Which coffee is decaffeinated?",
        ],
    },
    "zh-CN": {
        "greeting": "您好！关于咖啡、订单或营业时间，都可以问我。",
        "suggestions": ["周日几点营业？", "运费是多少？", "怎样用法压壶冲咖啡？", "哪一款是低因咖啡？"],
    },
}
"""What the widget says on the demo site (`serving.demo_site`)."""
THEME = {"accent": "#a83f22", "scheme": "light"}
"""The demo site's own colours."""


class Demo(Struct, frozen=True):
    """`password` is empty when it was there already."""

    username: str
    password: str


def make_demo(settings: Config, origins: list[str]) -> Demo:
    """Make what is missing of the demo, without documents. What is there stays, but for a password that is given."""
    site, _ = Site.objects.get_or_create(
        key=KEY,
        defaults={
            "name": "Harbour Roasters",
            "origins": origins,
            "locale": settings.default_language,
            **TEXTS[settings.default_language],
            "theme": THEME,
            "texts": {language: text for language, text in TEXTS.items() if language != settings.default_language},
        },
    )
    password = settings.demo_password or secrets.token_urlsafe(9)
    user, created = User.objects.get_or_create(
        username=USERNAME, defaults={"name": "Demo", "is_staff": True, "is_superuser": True}
    )
    if created or (settings.demo_password and not user.check_password(settings.demo_password)):
        user.set_password(password)
        user.save()
    else:
        password = ""
    SiteMember.objects.get_or_create(site=site, user=user, defaults={"role": SiteMember.Role.ADMIN})
    asyncio.run(_room(settings, str(site.id), str(user.id)))
    return Demo(USERNAME, password)


def ingest_documentation(settings: Config) -> bool:
    """Read the documents into the demo's collection; whether all went well (it has told what did not).

    In a process of its own: the search library and the embedding model bring threads along, beside which this process
    could not safely fork the children that it starts later.
    """
    paths = sorted(str(path) for pattern in DOCUMENTS for path in BASE_DIR.glob(pattern))
    ingest = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, str(BASE_DIR / "manage.py"), "ingest", "--collection", COLLECTION, "--site", KEY, *paths],
        stdin=subprocess.DEVNULL,
        env={**os.environ, "DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url},
        preexec_fn=lambda: end_with_parent(signal.SIGTERM),
    )
    return ingest.returncode == 0


def refresh_demo(settings: Config, origins: list[str]) -> None:
    """At each start: the demo site knows the server's present origins, the demo user the password that is given."""
    site = Site.objects.filter(key=KEY).first()
    if site is not None and (missing := [origin for origin in origins if origin not in site.origins]):
        site.origins = [*site.origins, *missing]
        site.save(update_fields=["origins"])
    user = User.objects.filter(username=USERNAME).first()
    if user is not None and settings.demo_password and not user.check_password(settings.demo_password):
        user.set_password(settings.demo_password)
        user.save(update_fields=["password"])


async def _room(settings: Config, site: str, user: str) -> None:
    store = await Store.open(settings.database_url)
    try:
        entries, _ = await store.entries(user, limit=1)
        if not entries:
            title = {"zh-CN": "欢迎"}.get(settings.default_language, "Welcome")
            await store.create_room(site, "group", title, "always", [(user, "owner")])
    finally:
        await store.close()
