"""Static files: the built front end and what the packages bring. WhiteNoise decides, threads read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import markcoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware

__all__ = ["StaticFiles"]


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc] # whitenoise is untyped
    """WhiteNoise for an event loop. Its own class is synchronous, which would cost every request a thread to wait in,
    and hands out open files, which Django reads whole (with a warning) when it serves asynchronously.
    """

    sync_capable = False
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]]) -> None:
        super().__init__(get_response)
        self._next = get_response
        markcoroutinefunction(self)

    def add_files(self, root: str, prefix: str | None = None) -> None:
        """None of STATIC_ROOT: what was collected for a web server in front may be of an earlier release."""

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(self.static_prefix):
            return await self._next(request)
        if self.autorefresh:  # development: the disk is asked each time
            found = await sync_to_async(self.find_file, thread_sensitive=False)(request.path_info)
        else:
            found = self.files.get(request.path_info)
        if found is None:
            return await self._next(request)
        try:
            return await sync_to_async(_read, thread_sensitive=False)(found, request)
        except FileNotFoundError:  # the front end was built anew under a running server
            return await self._next(request)


def _read(found: Any, request: HttpRequest) -> HttpResponse:
    said = found.get_response(request.method, request.META)
    response = HttpResponse(status=int(said.status))
    del response["Content-Type"]
    if said.file is not None:
        with said.file:
            response.content = said.file.read()
    for name, value in said.headers:
        response[name] = value
    if "Access-Control-Allow-Origin" in response:
        # Also for pages that isolate themselves (Cross-Origin-Embedder-Policy: require-corp).
        response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
