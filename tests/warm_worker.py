"""Background workers that start in a moment: a process that has imported everything forks one for each line it reads.

A worker is what `manage.py serve` starts, with the same arguments and in a process group of its own; only the imports,
seconds each time, were done before. `python -m tests.warm_worker` prints the id of each.
"""

from __future__ import annotations

import os
import signal
import sys

# All that takes long, and nothing that opens a connection, starts a thread or tells one worker from another.
import django
import lxml.html  # noqa: F401

from chatserver.celery import app
from chatserver.config import config
from chatserver.knowledge.index import load_library
from chatserver.serving.background import worker_command


def main() -> None:
    django.setup()
    load_library()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries them
    print("ready", flush=True)
    for _ in sys.stdin:
        if pid := os.fork():
            print(pid, flush=True)
        else:
            _work()


def _work() -> None:
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)
    command = worker_command(config())
    app.worker_main(command[command.index("worker") :])
    os._exit(0)


if __name__ == "__main__":
    main()
