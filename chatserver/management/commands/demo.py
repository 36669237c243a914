"""`manage.py demo`: make the demo site, user, room and documents; harmless where they are there."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from chatserver.config import config
from chatserver.serving.demo import ingest_documentation, make_demo
from chatserver.serving.origins import own_origins


class Command(BaseCommand):
    help = "Make the demo: site `demo`, user `demo` (password: DEMO_PASSWORD or random), a room, our documentation."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        settings = config()
        demo = make_demo(settings, own_origins(settings, settings.host, settings.port))
        if demo.password:
            self.stdout.write(f"User {demo.username}, password {demo.password}")
        if not ingest_documentation(settings):
            raise SystemExit(1)
