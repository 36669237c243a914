"""Every HTTP path of the server."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, path

from chatserver.api import ops
from chatserver.api.api import api
from chatserver.api.page import page

urlpatterns: list[URLPattern | URLResolver] = [
    path("", page),
    path("api/v1/", api.urls),
    path("admin/", admin.site.urls),
    path("healthz", ops.healthz),
    path("readyz", ops.readyz),
    path("metrics", ops.metrics_page),
]
