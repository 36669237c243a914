"""Why something could not be fetched, in words for the owner of the documents."""

from __future__ import annotations

__all__ = ["Disallowed", "FetchError", "Gone", "Later", "Refused", "Unreachable"]


class FetchError(Exception):
    """This time it did not work; what had been fetched before stays. `status`: what the site answered, if it did."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Unreachable(FetchError):
    """The site does not answer, or only with an error of its own: the next page will hardly do better."""


class Refused(FetchError):
    """The address is none that this server fetches from, today or later."""


class Disallowed(FetchError):
    """The site's robots.txt asks to leave this page alone."""


class Gone(FetchError):
    """The site says that there is no such page (any more)."""


class Later(FetchError):
    """The site asks for some peace: nothing more from it for `seconds`."""

    def __init__(self, message: str, status: int, seconds: float) -> None:
        super().__init__(message, status)
        self.seconds = seconds
