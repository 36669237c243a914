"""`manage.py runserver`: Daphne's, which serves sockets as well.

It is taken over here, since installing Daphne's app would load Twisted into every command and process.
"""

from daphne.management.commands.runserver import Command

__all__ = ["Command"]
