"""gunicorn's settings, for `manage.py serve` and for gunicorn by itself:

    gunicorn chatserver.asgi:application -c chatserver/serving/gunicorn.conf.py

They follow the environment (docs/settings.md). GUNICORN_CMD_ARGS and the command line override them.
"""

from __future__ import annotations

import sys
from pathlib import Path

# gunicorn runs this file by its path, from any directory.
chdir = str(Path(__file__).resolve().parents[2])
if chdir not in sys.path:
    sys.path.insert(0, chdir)

# gunicorn takes every name of this file that is one of its settings, `config` too.
from chatserver.config import config as _config  # noqa: E402
from chatserver.config import secret_key  # noqa: E402
from chatserver.errors import ConfigError  # noqa: E402
from chatserver.serving.rolling import child_exit, nworkers_changed, on_exit, on_starting  # noqa: E402, F401 - hooks

try:
    _settings = _config()
    secret_key(_settings)  # made once, before several processes need it, or a folder that cannot be written is known
except ConfigError as error:
    print(f"Wrong setting: {error}", file=sys.stderr)
    sys.exit(2)
if not (_settings.database_url and _settings.redis_url):
    print(
        "Missing engine: gunicorn by itself starts none: set DATABASE_URL and REDIS_URL, or run manage.py serve.",
        file=sys.stderr,
    )
    sys.exit(3)

bind = f"[{_settings.host}]:{_settings.port}" if ":" in _settings.host else f"{_settings.host}:{_settings.port}"
backlog = 2048
umask = 0o007  # a Unix socket is for this user and its group, which the proxy must be in
workers = _settings.processes
worker_class = {
    "daphne": "chatserver.serving.daphne.DaphneWorker",
    "uvicorn": "chatserver.serving.uvicorn.UvicornWorker",
}[_settings.server]
# A worker whose loop has not turned for so long is killed and replaced.
timeout = 120
graceful_timeout = 20
# Longer than proxies keep a connection for the next request (nginx: 60 s), so that none is closed under their hands.
keepalive = 75
loglevel = "warning"
logger_class = "chatserver.serving.gunicorn_log.Log"
# Nobody uses it, and it would be one more door.
control_socket_disable = True
