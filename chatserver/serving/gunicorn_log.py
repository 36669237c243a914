"""gunicorn's own messages, in the form of all others: `--logger-class chatserver.serving.gunicorn_log.Log`."""

from __future__ import annotations

from typing import Any

from gunicorn.glogging import Logger

from chatserver import logs

__all__ = ["Log"]


class Log(Logger):  # type: ignore[misc] # gunicorn is untyped
    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        # Its handlers stay, with the files an operator named; uvicorn's worker uses them too.
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            handler.setFormatter(logs.formatter())
