"""Every setting, read from the environment once and checked: name, type, default, meaning.

`docs/settings.md` documents each field; a test compares the two. A wrong value raises `ConfigError` with one line that
names the setting. Secrets have `repr`s that hide them.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from chatserver.errors import ConfigError
from chatserver.hosts import HostRule

__all__ = ["BASE_DIR", "FRONTEND_DIR", "Config", "config", "load", "secret_key"]

BASE_DIR = Path(__file__).resolve().parent.parent
FRONTEND_DIR = BASE_DIR / "frontend" / "dist"
"""What `make frontend` builds; missing until then."""

type _Seconds = Annotated[float, Meta(gt=0, le=3600)]
type _Count = Annotated[int, Meta(ge=0, le=1_000_000)]


class Config(Struct, frozen=True, kw_only=True):
    """All settings. Field `database_url` is read from `DATABASE_URL`, and so on."""

    # engines
    data_dir: str = str(BASE_DIR / "var")
    database_url: str = ""
    redis_url: str = ""
    index_url: str = ""
    index_endpoint: str = ""
    index_region: str = ""
    index_access_key: str = ""
    index_secret_key: str = ""
    # web
    secret_key: str = ""
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    server: str = "daphne"
    processes: Annotated[int, Meta(ge=1, le=256)] = 2
    recycle_sockets: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 0
    recycle_memory_mb: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    public_url: str = ""
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    trusted_proxies: Annotated[int, Meta(ge=0, le=10)] = 0
    metrics_token: str = ""
    debug: bool = False
    log_level: str = "INFO"
    log_format: str = ""
    otlp_url: str = ""
    otlp_headers: str = ""
    otlp_share: Annotated[float, Meta(ge=0, le=1)] = 1.0
    # people
    demo_password: str = ""
    demo_port: Annotated[int, Meta(ge=0, le=65535)] = 0
    demo_url: str = ""
    default_language: str = "en"  # not LANGUAGE: that is the locale of a Unix shell
    access_token_seconds: Annotated[int, Meta(ge=60, le=86_400)] = 900
    refresh_token_days: Annotated[int, Meta(ge=1, le=365)] = 30
    # limits
    sends_per_minute: Annotated[int, Meta(ge=1, le=100_000)] = 30
    sockets_per_user: Annotated[int, Meta(ge=1, le=100_000)] = 20
    sockets_per_address: Annotated[int, Meta(ge=1, le=1_000_000)] = 200
    sockets_per_process: Annotated[int, Meta(ge=1, le=1_000_000)] = 20_000
    upload_bytes: Annotated[int, Meta(ge=1024, le=10 * 1024**3)] = 64 * 1024 * 1024
    parse_seconds: Annotated[int, Meta(ge=1, le=3000)] = 120
    parse_memory_bytes: Annotated[int, Meta(ge=256 * 1024**2, le=64 * 1024**3)] = 1024**3
    # answers
    answers_per_process: _Count = 64
    answer_seconds: _Seconds = 300.0
    history_messages: Annotated[int, Meta(ge=0, le=100)] = 12
    # language model
    llm_base_url: str = ""
    llm_model: str = ""
    llm_api_key: str = ""
    llm_connect_seconds: _Seconds = 5.0
    llm_first_token_seconds: _Seconds = 60.0
    llm_between_tokens_seconds: _Seconds = 30.0
    llm_max_tokens: Annotated[int, Meta(ge=1, le=1_000_000)] = 1024
    llm_temperature: Annotated[float, Meta(ge=0, le=2)] = 0.2
    llm_retries: Annotated[int, Meta(ge=0, le=10)] = 2
    # embeddings
    embed_base_url: str = ""
    embed_model: str = ""
    embed_api_key: str = ""
    embed_previous_api_key: str = ""
    # documents
    ingest_processes: Annotated[int, Meta(ge=1, le=64)] = 1
    ingest_memory_mb: Annotated[int, Meta(ge=256, le=1_000_000)] = 2048
    fetch_allow: tuple[str, ...] = ()
    fetch_pause_seconds: Annotated[float, Meta(ge=0, le=60)] = 0.5
    # reranking
    rerank_base_url: str = ""
    rerank_model: str = ""
    rerank_api_key: str = ""
    # retrieval
    passages: Annotated[int, Meta(ge=1, le=50)] = 6

    @property
    def data(self) -> Path:
        return Path(self.data_dir)

    @property
    def address(self) -> str:
        """Where this machine reaches what listens on HOST and PORT."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.host, self.host)  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def redis_urls(self) -> tuple[str, ...]:
        """One for each Redis that rooms are spread over, in the order that all processes agree on."""
        return tuple(url.strip() for url in (self.redis_url or "redis://127.0.0.1:6379").split(","))

    @property
    def public_origin(self) -> str:
        """Scheme, host and port of `PUBLIC_URL`; empty when that is not set."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""

    @property
    def prefix(self) -> str:
        """The path under which a proxy serves us, without a slash at its end: `/chat` of `https://a.example/chat/`."""
        return urlsplit(self.public_url).path.rstrip("/")

    @property
    def index(self) -> str:
        """Where LanceDB lives: a folder or an `s3://` URL."""
        return self.index_url or str(self.data / "index")

    @property
    def index_storage(self) -> dict[str, str]:
        """What is to be known of the object storage that `index` names; without it, the AWS variables and roles of the
        machine are used."""
        said = {
            "aws_endpoint": self.index_endpoint,
            "aws_region": self.index_region or ("us-east-1" if self.index_endpoint else ""),
            "aws_access_key_id": self.index_access_key,
            "aws_secret_access_key": self.index_secret_key,
            "allow_http": "true" if self.index_endpoint.startswith("http://") else "",
        }
        return {name: value for name, value in said.items() if value}

    def __repr__(self) -> str:
        return "Config(…)"  # holds secrets


TOKEN_CHARS = 24
"""Of a METRICS_TOKEN, so that nobody guesses it."""
_CHOICES: dict[str, tuple[str, ...]] = {
    "server": ("daphne", "uvicorn"),
    "log_level": ("DEBUG", "INFO", "WARNING", "ERROR"),
    "log_format": ("text", "json"),
    "default_language": ("en", "zh-CN"),
}
_URLS: dict[str, tuple[str, ...]] = {
    "database_url": ("postgresql", "postgres"),
    "redis_url": ("redis", "rediss", "unix"),
    "index_endpoint": ("http", "https"),
    "llm_base_url": ("http", "https"),
    "embed_base_url": ("http", "https"),
    "rerank_base_url": ("http", "https"),
    "public_url": ("http", "https"),
    "demo_url": ("http", "https"),
    "otlp_url": ("http", "https"),
}


def load(environ: Mapping[str, str]) -> Config:
    """Read `environ`; raises `ConfigError` naming the first wrong setting. An empty value means: not set."""
    values: dict[str, Any] = {}
    hints = get_type_hints(Config, include_extras=True)
    for field in Config.__struct_fields__:
        name = field.upper()
        raw = environ.get(name, "").strip()
        if not raw:
            continue
        values[field] = _parse(name, raw, hints[field])
        if (allowed := _CHOICES.get(field)) and values[field] not in allowed:
            raise ConfigError(f"{name}={raw!r} is not one of: {', '.join(allowed)}.")
        if schemes := _URLS.get(field):
            _check_url(name, raw, schemes)
        if field == "fetch_allow":
            _check_hosts(name, values[field])
        if field == "metrics_token" and len(raw) < TOKEN_CHARS:
            raise ConfigError(f"{name} is too short: give it {TOKEN_CHARS} characters or more, from a random source.")
        if (field.endswith("_api_key") or field == "metrics_token") and not (raw.isascii() and raw.isprintable()):
            raise ConfigError(f"{name} holds characters that an HTTP header cannot.")
    if values.get("otlp_url"):
        _check_traces(values.get("otlp_headers", ""))
    if bool(values.get("index_access_key")) != bool(values.get("index_secret_key")):
        raise ConfigError("INDEX_ACCESS_KEY and INDEX_SECRET_KEY belong together: set both, or neither.")
    if bool(values.get("embed_base_url")) and not values.get("embed_model"):
        raise ConfigError("EMBED_BASE_URL is set but EMBED_MODEL is not: name the embedding model.")
    if bool(values.get("llm_base_url")) and not values.get("llm_model"):
        raise ConfigError("LLM_BASE_URL is set but LLM_MODEL is not: name the model to ask.")
    return Config(**values)


def _parse(name: str, raw: str, kind: Any) -> Any:
    if kind == tuple[str, ...]:
        return tuple(part.strip() for part in raw.split(",") if part.strip())
    if kind is bool:
        if raw.lower() in ("1", "true", "yes", "on"):
            return True
        if raw.lower() in ("0", "false", "no", "off"):
            return False
        raise ConfigError(f"{name}={raw!r} is neither true nor false.")
    try:
        return msgspec.convert(raw, kind, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}={raw!r}: {str(error).split(' - ')[0]}.") from None


def _check_url(name: str, raw: str, schemes: tuple[str, ...]) -> None:
    # The value may hold a password, so it is never repeated in the message.
    for part in raw.split(","):
        try:
            found = urlsplit(part.strip())
            _ = found.port  # read, so that one that is no number is met here
        except ValueError:
            raise ConfigError(f"{name} is no URL.") from None
        if found.scheme not in schemes:
            raise ConfigError(f"{name} must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}.")


def _check_traces(headers: str) -> None:
    if not (headers.isascii() and headers.isprintable()) or any("=" not in each for each in headers.split(",") if each):
        raise ConfigError("OTLP_HEADERS is not of the form name=value,name=value.")
    try:
        found = find_spec("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise ConfigError(
            "OTLP_URL needs the extra `otel`: install it (uv sync --extra otel), or leave OTLP_URL empty."
        )


def _check_hosts(name: str, entries: tuple[str, ...]) -> None:
    for entry in entries:
        try:
            HostRule.parse(entry)
        except ValueError as error:
            raise ConfigError(f"{name}: {error}.") from None


@cache
def config() -> Config:
    """This process's settings."""
    return load(os.environ)


def secret_key(settings: Config) -> str:
    """`SECRET_KEY`, or one made once and kept in `DATA_DIR/secret_key` (mode 0600) so that restarts keep sessions."""
    if settings.secret_key:
        return settings.secret_key
    path = settings.data / "secret_key"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Exclusive creation: of two processes that start at once, one writes and both read the same key.
        with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass
    except OSError as error:
        raise ConfigError(f"DATA_DIR={settings.data_dir!r} cannot be written ({error.strerror}).") from None
    if key := path.read_text().strip():
        return key
    raise ConfigError(f"{path} is empty: delete it, or set SECRET_KEY.")
