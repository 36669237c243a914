"""Every HTTP path of the server."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, path

from chatserver.api import ops, pages
from chatserver.api.api import api
from chatserver.api.demo import demo
from chatserver.api.loader import earlier_widget, loader

urlpatterns: list[URLPattern | URLResolver] = [
    path("", pages.start, name="start"),
    path("app", pages.app_address),
    path("app/", pages.app, name="app"),
    path("app/manifest.webmanifest", pages.manifest, name="manifest"),
    path("app/sw.js", pages.service_worker, name="service-worker"),
    path("app/<path:route>", pages.app),
    path("console", pages.console_address),
    path("console/", pages.console_address),
    path("console/knowledge", pages.console, name="console"),
    path("console/knowledge/<path:route>", pages.console),
    path("demo", demo, name="demo"),
    path("widget.js", loader, name="loader"),
    path("static/assets/widget-<str:digest>.js", earlier_widget),
    path("api/v1/", api.urls),
    path("admin/", admin.site.urls),
    path("healthz", ops.healthz),
    path("readyz", ops.readyz),
    path("metrics", ops.metrics_page),
]
