"""What a process costs."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from chatserver.metrics.registry import Gauge

__all__ = ["resident_bytes"]


def resident_bytes() -> float | None:
    """Memory of this process that is in RAM; None where the system does not say."""
    if sys.platform != "linux":
        return None
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


def _open_files() -> float | None:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return None


_STARTED = time.time()

Gauge("chatserver_process_cpu_seconds_total", "Processor time of the process.", time.process_time, kind="counter")
Gauge("chatserver_process_resident_bytes", "Memory of the process that is in RAM.", resident_bytes)
Gauge("chatserver_process_open_files", "Open files and sockets of the process.", _open_files)
Gauge("chatserver_process_start_time_seconds", "When the process started, in Unix time.", lambda: _STARTED)
Gauge("chatserver_process_pid", "The id of the process on its machine.", lambda: os.getpid())
