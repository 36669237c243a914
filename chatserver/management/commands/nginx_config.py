"""`manage.py nginx_config`: the configuration of an nginx in front of the server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.core.management.base import BaseCommand, CommandParser

from chatserver.config import config
from chatserver.serving.nginx import Nginx, render

LISTS = {
    "upstream": "address of a serving machine, host:port (default: HOST:PORT); again for each",
    "listen": "port, or address:port, for TLS (default: 443 and [::]:443); again for each",
    "listen-http": "the same for plain HTTP, which is sent to HTTPS (default: 80 and [::]:80)",
    "allow": "address or network that may reach /admin/ and /metrics (default: none); again for each",
    "behind": "address or network of a load balancer in front of nginx; again for each",
}
NUMBERS = {
    "hsts-seconds": "how long browsers keep to HTTPS",
    "connections": "open connections of one address, sockets among them",
    "requests-per-second": "requests of one address",
    "requests-burst": "requests that may come at once beyond that",
    "sockets-per-second": "sockets that one address may open",
    "sockets-burst": "sockets that may be opened at once beyond that",
    "header-seconds": "time for the TLS handshake, and for a request's head",
    "body-seconds": "longest pause within a request's body",
    "send-seconds": "longest time in which a client takes nothing of its answer",
    "socket-seconds": "longest silence of a socket or an event stream",
    "shutdown-seconds": "after a reload, how long old connections may go on",
    "worker-connections": "connections of one nginx process; a socket needs two",
}
FIELDS = {"upstream": "upstreams"}


class Command(BaseCommand):
    help = (
        "Print the configuration of an nginx in front of the server: TLS, sockets, event streams, limits per address, "
        "static files. Names, path and sizes are those of the server's settings; PUBLIC_URL must be set."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--certificate", required=True, help="PEM file with the certificate and its chain")
        parser.add_argument("--key", required=True, help="PEM file with its private key")
        for name, text in LISTS.items():
            parser.add_argument(f"--{name}", action="append", metavar="ADDRESS", help=text)
        parser.add_argument(
            "--static",
            default=str(django_settings.STATIC_ROOT),
            help="folder that collectstatic has filled (default: DATA_DIR/static); empty: the server serves them",
        )
        parser.add_argument("--acme", help="folder of certbot's challenges (certbot --webroot)")
        parser.add_argument("--access-log", help="file, or off (default: standard output)")
        parser.add_argument("--tls12", action="store_true", help="accept TLS 1.2 beside 1.3")
        for name, text in NUMBERS.items():
            default = getattr(Nginx(certificate="", key=""), name.replace("-", "_"))
            parser.add_argument(f"--{name}", type=int, metavar="N", help=f"{text} (default: {default})")
        parser.add_argument("--site", action="store_true", help="only what goes into sites-enabled, not a whole file")
        parser.add_argument("--output", metavar="FILE", help="write it there instead of to standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen: dict[str, Any] = {"tls12": options["tls12"]}
        for name in LISTS:
            if given := options[name.replace("-", "_")]:
                chosen[FIELDS.get(name, name.replace("-", "_"))] = tuple(given)
        for name in ("certificate", "key", "static", "acme"):
            if given := options[name]:
                chosen[name] = str(Path(given).absolute())  # nginx has another working directory
        for name in ("access-log", *NUMBERS):
            if (given := options[name.replace("-", "_")]) is not None:
                chosen[name.replace("-", "_")] = given
        settings = config()
        text = render(settings, Nginx(**chosen), site=options["site"])
        if settings.trusted_proxies != 1:
            self.stderr.write("Set TRUSTED_PROXIES=1 for the server: to it, all requests come from nginx.")
        if not options["output"]:
            self.stdout.write(text)
            return
        # In one step: nginx may be told to read it at any moment.
        path = Path(options["output"])
        new = path.with_name(f".{path.name}.new")
        new.write_text(text)
        os.replace(new, path)
