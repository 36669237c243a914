#!/usr/bin/env python
"""Every command of the server: `manage.py help` lists them."""

from __future__ import annotations

import os
import sys

from chatserver.errors import ConfigError, EngineMissing


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatserver.settings")
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ConfigError as error:
        sys.exit(_complain(f"Wrong setting: {error}", 2))
    except EngineMissing as error:
        sys.exit(_complain(f"Missing engine: {error}", 3))


def _complain(line: str, code: int) -> int:
    print(line, file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
