"""The production check. Its own process renders what commands render, so it has settings, and no secret of anybody."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatserver.settings")
os.environ.setdefault("SECRET_KEY", "production check")
