"""Dockerfile and compose files against the tree: no engine builds them here, so what they name must be there, and what
they promise must be written down."""

from __future__ import annotations

import fnmatch
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from chatserver.config import Config
from chatserver.serving.background import worker_command
from tests.compose import DOCKER, FILE, env_file, in_order, load, variables
from tests.server import ROOT

EXAMPLE = DOCKER / ".env.example"
FILLED = {name: value or "filled" for name, value in env_file(EXAMPLE).items()}
APP = {"migrate", "static", "nginx-config", "web-1", "web-2", "answers", "documents"}
DRAIN_SECONDS = 20
"""gunicorn's `graceful_timeout`."""


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return load(FILE, FILLED)


def instructions() -> Iterator[tuple[str, str]]:
    """Of the Dockerfile: (instruction, arguments), lines that go on joined."""
    text = re.sub(r"^#.*\n", "", (DOCKER / "Dockerfile").read_text(), flags=re.MULTILINE)
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if line.strip():
            name, _, rest = line.partition(" ")
            yield name, rest.strip()


def last(name: str) -> str:
    return [rest for found, rest in instructions() if found == name][-1]


def stages() -> list[list[tuple[str, str]]]:
    found: list[list[tuple[str, str]]] = []
    for name, rest in instructions():
        if name == "FROM":
            found.append([])
        found[-1].append((name, rest))
    return found


def sources() -> Iterator[Path]:
    """What is copied out of the checkout."""
    for name, rest in instructions():
        if name == "COPY" and "--from=" not in rest:
            yield from (Path(source) for source in rest.split()[:-1])


def kept(path: Path) -> bool:
    """Whether .dockerignore leaves `path`, whose last line that fits counts, as Docker reads it."""
    found = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        whole = [str(path), *(str(parent) for parent in path.parents)]
        if line and not line.startswith("#") and any(fnmatch.fnmatch(part, pattern) for part in whole if part != "."):
            found = line.startswith("!")
    return found


# --- the image -------------------------------------------------------------------------------------------------------


def test_everything_that_is_copied_is_there_and_not_left_out() -> None:
    copied = list(sources())
    assert len(copied) > 10
    for path in copied:
        assert (ROOT / path).exists(), path
        assert kept(path), path


@pytest.mark.parametrize(
    "path", ["docker/.env", "var/secret_key", ".git/config", ".venv/bin/python", "frontend/dist/a.js"]
)
def test_secrets_and_what_was_built_here_stay_out_of_the_image(path: str) -> None:
    assert not kept(Path(path))


def test_all_that_the_server_runs_on_is_in_the_image() -> None:
    copied = {str(path) for path in sources()}
    modules = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
    assert modules <= copied
    assert {"manage.py", "docker/nginx", "uv.lock", "pyproject.toml"} <= copied


def test_the_last_stage_has_a_user_of_its_own_and_no_compilers() -> None:
    final = stages()[-1]
    assert final[0] == ("FROM", "python:3.13-slim")
    assert last("USER") == "10001:10001"
    assert not any(re.search("apt-get|uv |npm|gcc", rest) for name, rest in final if name == "RUN")


def test_what_the_stages_run_is_there() -> None:
    assert (ROOT / "frontend" / re.findall(r"node (\S+)", " ".join(rest for _, rest in instructions()))[0]).is_file()
    named = re.findall(r"--from=(\S+)", " ".join(rest for _, rest in instructions()))
    assert set(named) == {rest.split(" AS ")[1] for name, rest in instructions() if name == "FROM" and " AS " in rest}
    lock = (ROOT / "uv.lock").read_text()
    for package in re.findall(r"--no-install-package (\S+)", (DOCKER / "Dockerfile").read_text()):
        assert f'name = "{package}"' in lock
    extras = re.findall(r"--extra (\w+)", last("ARG"))
    assert all(f"\n{extra} = [" in (ROOT / "pyproject.toml").read_text() for extra in extras)


def test_the_command_and_the_health_check_of_the_image() -> None:
    command = json.loads(last("CMD"))
    assert command[:3] == ["gunicorn", "chatserver.asgi:application", "-c"]
    assert (ROOT / command[3]).is_file()
    check = json.loads(last("HEALTHCHECK").partition("CMD ")[2])
    compile(check[2], "HEALTHCHECK", "exec")


# --- compose ---------------------------------------------------------------------------------------------------------


def test_every_variable_is_in_the_example_and_none_has_a_password_that_works() -> None:
    example = env_file(EXAMPLE)
    asked = variables(FILE.read_text())
    assert set(asked) <= set(example)
    for name, default in asked.items():
        assert default is None or example[name] == default
    for secret in ("SECRET_KEY", "POSTGRES_PASSWORD", "LLM_API_KEY", "EMBED_API_KEY"):
        assert example[secret] == ""
        assert asked.get(secret) is None
    settings = {name.upper() for name in Config.__struct_fields__}
    assert set(example) - settings == {
        "POSTGRES_PASSWORD",
        "TLS_FOLDER",
        "ANSWERS_AT_ONCE",
        "GRAFANA_PASSWORD",
    }


def test_a_secret_that_is_left_out_stops_the_start() -> None:
    for name in ("SECRET_KEY", "POSTGRES_PASSWORD", "TLS_FOLDER", "PUBLIC_URL"):
        with pytest.raises(KeyError, match=name):
            load(FILE, {**FILLED, name: ""})


def test_services_name_what_there_is(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(in_order(services)) == set(services)
    for name, service in services.items():
        assert set(service["networks"]) <= set(compose["networks"]), name
        mounted = {volume.split(":")[0] for volume in service.get("volumes", ()) if volume[0] not in "./"}
        assert mounted - {FILLED["TLS_FOLDER"]} <= set(compose["volumes"]), name
        for other, how in service.get("depends_on", {}).items():
            once = services[other]["restart"] == "no"
            checked = other in ("web-1", "web-2") or "test" in services[other].get("healthcheck", {})
            condition = "service_completed_successfully" if once else "service_healthy"
            assert how["condition"] == condition, (name, other)
            assert once or checked, (name, other)


def test_every_container_is_confined(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {"memory", "pids"} <= set(service["deploy"]["resources"]["limits"]), name
        assert "privileged" not in service, name
        assert service["logging"]["options"]["max-size"], name
        assert ("ports" in service) == (name == "nginx")
    assert compose["networks"]["data"]["internal"] is True
    assert {name for name, service in compose["services"].items() if service["networks"] == ["data"]} == {
        "postgres",
        "redis",
    }


def test_our_own_services_are_settled_alike(compose: dict[str, Any]) -> None:
    settings = {name.upper() for name in Config.__struct_fields__}
    services = compose["services"]
    for name in APP:
        service = services[name]
        assert set(service["environment"]) <= settings, name
        assert service["environment"]["TRUSTED_PROXIES"] == "1", name
        assert service["environment"]["ANSWERS_PER_PROCESS"] == "0", name
        assert {volume.split(":")[1] for volume in service["volumes"]} <= {"/data", "/data/static", "/config"}, name
    for name in ("web-1", "web-2", "answers", "documents"):
        assert int(services[name]["stop_grace_period"].removesuffix("s")) > 2 * DRAIN_SECONDS, name
    assert services["web-1"]["command"] == json.loads(last("CMD"))


def test_the_background_worker_is_started_as_the_server_starts_it(compose: dict[str, Any]) -> None:
    ours = worker_command(Config())[3:]
    at = ours.index("--workdir")
    assert compose["services"]["documents"]["command"] == ["celery", *ours[:at], *ours[at + 2 :]]


def test_development_changes_only_services_that_there_are(compose: dict[str, Any]) -> None:
    override = load(DOCKER / "compose.override.yaml", FILLED)
    assert set(override["services"]) <= set(compose["services"])
    for service in override["services"].values():
        for volume in service.get("volumes", ()):
            assert (DOCKER / volume.split(":")[0]).exists(), volume
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), port


def test_monitoring_finds_its_files_and_its_target(compose: dict[str, Any]) -> None:
    path = DOCKER / "compose.monitoring.yaml"
    assert set(variables(path.read_text())) <= set(env_file(EXAMPLE))
    for secret in ("METRICS_TOKEN", "GRAFANA_PASSWORD"):
        with pytest.raises(KeyError, match=secret):
            load(path, {**FILLED, secret: ""})
    read = load(path, FILLED)
    prometheus = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text())
    (scrape,) = prometheus["scrape_configs"]
    host, port = scrape["static_configs"][0]["targets"][0].split(":")
    web = read["services"]["web-1"]
    assert host in web["networks"]["data"]["aliases"]
    assert host in web["environment"]["ALLOWED_HOSTS"].split(",")
    assert port == compose["services"]["web-1"]["environment"]["PORT"]
    (secret,) = read["services"]["prometheus"]["secrets"]
    assert scrape["authorization"]["credentials_file"] == f"/run/secrets/{secret}"
    for name in ("prometheus", "grafana"):
        service = read["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert source in read["volumes"] if source[0] != "." else (DOCKER / source).exists(), volume
    datasource = yaml.safe_load((DOCKER / "grafana/provisioning/datasources/prometheus.yml").read_text())
    assert datasource["datasources"][0]["url"] == "http://prometheus:9090"
    folder = yaml.safe_load((DOCKER / "grafana/provisioning/dashboards/chatserver.yml").read_text())
    shown = folder["providers"][0]["options"]["path"]
    assert any(volume.split(":")[1].startswith(f"{shown}/") for volume in read["services"]["grafana"]["volumes"])


@pytest.mark.parametrize("name", ["compose.yaml", "compose.override.yaml", "compose.monitoring.yaml", "engines.yaml"])
def test_compose_itself_takes_the_files_where_it_is_there(name: str, tmp_path: Path) -> None:
    """The form by our own rules everywhere; by Compose, too, on machines that have it."""
    read = yaml.safe_load((DOCKER / name).read_text())
    assert set(read) <= {"name", "services", "networks", "secrets", "volumes"} | {
        key for key in read if key.startswith("x-")
    }
    assert all(isinstance(service, dict) for service in read["services"].values())
    docker = shutil.which("docker")
    if docker and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0:
        files = (
            [DOCKER / "compose.yaml", DOCKER / name]
            if name not in ("compose.yaml", "engines.yaml")
            else [DOCKER / name]
        )
        for path in {*files, EXAMPLE}:
            shutil.copy(path, tmp_path)
        (tmp_path / ".env").write_text("\n".join(f"{key}={value}" for key, value in FILLED.items()))
        command = [
            docker,
            "compose",
            *(part for path in files for part in ("-f", tmp_path / path.name)),
            "config",
            "-q",
        ]
        run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert run.returncode == 0, run.stderr
