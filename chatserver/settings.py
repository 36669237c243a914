"""Django's settings, all derived from `chatserver.config`. Nothing else reads the environment."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from chatserver import tcp
from chatserver.config import BASE_DIR, FRONTEND_DIR, config, secret_key
from chatserver.logs import logging_config

_config = config()

DEBUG = _config.debug
SECRET_KEY = secret_key(_config)
ALLOWED_HOSTS = list(_config.allowed_hosts) or ["localhost", "127.0.0.1", "[::1]"]
if _config.public_url and (_public := urlsplit(_config.public_url).hostname):
    ALLOWED_HOSTS.append(_public)
CSRF_TRUSTED_ORIGINS = [*_config.allowed_origins, *filter(None, [_config.public_origin])]
FORCE_SCRIPT_NAME = _config.prefix or None

INSTALLED_APPS = [
    "chatserver",  # before those that bring a command of the same name
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "channels",
    "ninja",
    "chatserver.sites",
    "chatserver.rooms",
    "chatserver.knowledge",
]
MIDDLEWARE = [
    "chatserver.api.problems.problems",
    "django.middleware.security.SecurityMiddleware",
    "chatserver.api.static.StaticFiles",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "chatserver.urls"
ASGI_APPLICATION = "chatserver.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


def database(url: str) -> dict[str, Any]:
    """A `DATABASE_URL` as Django's dictionary; `?host=/dir` names a directory with a Unix socket."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "postgres",
        "USER": unquote(parts.username or "postgres"),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", "") or parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 5,
            "options": " ".join(f"-c {name}={value}" for name, value in tcp.POSTGRES.items()),
            **tcp.LIBPQ,
            **options,
        },
    }


DATABASES = {"default": database(_config.database_url or "postgresql://postgres@/postgres")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "sites.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = {"zh-CN": "zh-hans"}.get(_config.default_language, _config.default_language)
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "chatserver" / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = f"{_config.prefix}/static/"
# The built front end, and the packages' own: read when the process starts; there is no collectstatic to forget. That is
# for a web server in front (docs/deploy.md).
STATICFILES_DIRS = [folder for folder in (FRONTEND_DIR,) if folder.is_dir()]
STATIC_ROOT = _config.data / "static"
WHITENOISE_USE_FINDERS = True
WHITENOISE_IMMUTABLE_FILE_TEST = r"/static/assets/"  # their names hold a hash of what is in them

# Behind TLS (PUBLIC_URL begins with https) cookies never travel in the clear.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _config.public_url.startswith("https://")
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

LOGGING_CONFIG = "chatserver.logs.configure"
LOGGING = logging_config(_config)
