"""Settings: every one documented, every wrong one named in one line, no secret repeated."""

from __future__ import annotations

import re

import pytest

from chatserver.config import BASE_DIR, Config, load, secret_key
from chatserver.errors import ConfigError


def test_docs_name_exactly_the_settings_there_are() -> None:
    documented = re.findall(r"^\| `([A-Z_]+)` \|", (BASE_DIR / "docs" / "settings.md").read_text(), re.MULTILINE)
    assert sorted(documented) == sorted(name.upper() for name in Config.__struct_fields__)


def test_documented_defaults_are_the_real_ones() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| `([^`]+)` \|", (BASE_DIR / "docs" / "settings.md").read_text(), re.MULTILINE)
    real = Config()
    assert len(rows) > 15
    for name, shown in rows:
        value = getattr(real, name.lower())
        assert str(value).lower().removesuffix(".0") == shown.lower(), name


def test_values_are_read_by_their_types() -> None:
    read = load({"PORT": "8123", "DEBUG": "yes", "ALLOWED_ORIGINS": "https://a.example, https://b.example", "HOST": ""})
    assert (read.port, read.debug, read.host) == (8123, True, "127.0.0.1")
    assert read.allowed_origins == ("https://a.example", "https://b.example")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "70000"),
        ("PORT", "http"),
        ("DEBUG", "perhaps"),
        ("LOG_LEVEL", "LOUD"),
        ("DEFAULT_LANGUAGE", "fr"),
        ("ANSWER_SECONDS", "0"),
        ("DATABASE_URL", "mysql://root:hunter2@db/x"),
        ("REDIS_URL", "redis://a,memcached://hunter2@b"),
        ("LLM_BASE_URL", "hunter2"),
        ("DATABASE_URL", "postgresql://chat:hunter2@[db/x"),
        ("DATABASE_URL", "postgresql://chat:hunter2@db:port/x"),
        ("LLM_API_KEY", "hunter2\tand more"),
        ("EMBED_API_KEY", "hunter2…"),
        ("METRICS_TOKEN", "hunter2"),
        ("METRICS_TOKEN", "hunter2 and more, but …"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load({name: value})
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_an_endpoint_needs_its_model() -> None:
    with pytest.raises(ConfigError, match="LLM_MODEL"):
        load({"LLM_BASE_URL": "http://localhost/v1"})


def test_settings_hide_their_secrets() -> None:
    assert "hunter2" not in repr(load({"SECRET_KEY": "hunter2"}))


def test_the_secret_key_is_made_once(tmp_path: object) -> None:
    settings = load({"DATA_DIR": f"{tmp_path}/var"})
    assert secret_key(settings) == secret_key(settings)
    assert (settings.data / "secret_key").stat().st_mode & 0o777 == 0o600
