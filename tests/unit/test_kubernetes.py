"""The Kubernetes manifests: valid by the schemas of Kubernetes, at one with each other and with the server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
import yaml

from chatserver.config import Config
from tests.compose import DOCKER, FILE, env_file, load
from tests.server import ROOT

FOLDER = DOCKER / "kubernetes"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
OLDEST, LATEST = "1.29", kubernetes_validate.latest_version()
PREFIX = "app.kubernetes.io"

type Manifest = dict[str, Any]


def manifests() -> list[Manifest]:
    found: list[Manifest] = []
    for name in (*KUSTOMIZATION["resources"], "secret.example.yaml"):
        found += yaml.safe_load_all((FOLDER / name).read_text())
    return found


ALL = manifests()


def of(kind: str) -> list[Manifest]:
    return [manifest for manifest in ALL if manifest["kind"] == kind]


def templates() -> Iterator[tuple[str, Manifest]]:
    for manifest in (*of("Deployment"), *of("Job")):
        yield manifest["metadata"]["name"], manifest["spec"]["template"]


def containers() -> Iterator[tuple[str, Manifest, Manifest]]:
    for name, template in templates():
        for container in (*template["spec"].get("initContainers", ()), *template["spec"]["containers"]):
            yield name, template["spec"], container


def deployment(component: str) -> Manifest:
    (found,) = [manifest for manifest in of("Deployment") if manifest["metadata"]["name"] == f"chatserver-{component}"]
    return found


@pytest.mark.parametrize("version", [OLDEST, LATEST])
def test_every_manifest_is_valid(version: str) -> None:
    assert len(ALL) > 14
    for manifest in ALL:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_a_wrong_manifest_is_found() -> None:
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**deployment("web"), "spec": {"replica": 1}}, LATEST, strict=True)


def test_every_file_is_listed_and_every_name_unique() -> None:
    there = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml", "secret.example.yaml"}
    assert set(KUSTOMIZATION["resources"]) == there
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in ALL]
    assert len(set(names)) == len(names)
    images = {container["image"] for _, _, container in containers()}
    assert images == {image["name"] for image in KUSTOMIZATION["images"]}


def test_selectors_find_the_pods_they_mean() -> None:
    labels = {name: template["metadata"]["labels"] for name, template in templates()}
    for manifest in of("Deployment"):
        name = manifest["metadata"]["name"]
        assert manifest["spec"]["selector"]["matchLabels"] == labels[name]
        assert labels[name] == {f"{PREFIX}/name": "chatserver", f"{PREFIX}/component": name.removeprefix("chatserver-")}
        for spread in manifest["spec"]["template"]["spec"]["topologySpreadConstraints"]:
            assert spread["labelSelector"]["matchLabels"] == labels[name]
    for budget in of("PodDisruptionBudget"):
        assert budget["spec"]["selector"]["matchLabels"] == labels[budget["metadata"]["name"]]
    (service,) = of("Service")
    assert service["spec"]["selector"] == labels["chatserver-web"]
    everybody, web = (policy["spec"]["podSelector"]["matchLabels"] for policy in of("NetworkPolicy"))
    assert web == labels["chatserver-web"]
    assert all(everybody.items() <= found.items() for found in labels.values())
    (scaler,) = of("HorizontalPodAutoscaler")
    assert scaler["spec"]["scaleTargetRef"]["name"] == "chatserver-web"
    assert "replicas" not in deployment("web")["spec"]  # they would undo what the autoscaler did


def test_ports_and_services_fit_together() -> None:
    (service,) = of("Service")
    (container,) = deployment("web")["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert f"PORT={ports['http']}" in (DOCKER / "Dockerfile").read_text()
    (port,) = service["spec"]["ports"]
    assert port["targetPort"] in ports
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] in ports
    (ingress,) = of("Ingress")
    for rule in ingress["spec"]["rules"]:
        for path in rule["http"]["paths"]:
            backend = path["backend"]["service"]
            assert (backend["name"], backend["port"]["name"]) == (service["metadata"]["name"], port["name"])
    assert ingress["metadata"]["annotations"]["nginx.org/websocket-services"] == service["metadata"]["name"]
    opened = of("NetworkPolicy")[1]["spec"]["ingress"][0]["ports"]
    assert [entry["port"] for entry in opened] == ["http"]


def test_the_ingress_leads_to_all_that_people_use_and_to_nothing_else() -> None:
    urls = re.findall(r'^    path\("([^"]*)"', (ROOT / "chatserver/urls.py").read_text(), re.MULTILINE)
    assert len(urls) > 15
    (ingress,) = of("Ingress")
    paths = ingress["spec"]["rules"][0]["http"]["paths"]

    def leads(url: str) -> bool:
        return any(
            url == path["path"] or (path["pathType"] == "Prefix" and url.startswith(f"{path['path']}/"))
            for path in paths
        )

    closed = {"/admin/", "/metrics", "/healthz", "/readyz"}
    assert {f"/{url}" for url in urls if not leads(f"/{url}")} == closed
    assert leads("/ws")
    hosts = {rule["host"] for rule in ingress["spec"]["rules"]}
    assert hosts == set(ingress["spec"]["tls"][0]["hosts"])
    assert {f"https://{host}" for host in hosts} == {of("ConfigMap")[0]["data"]["PUBLIC_URL"]}


def test_every_container_is_confined() -> None:
    for name, pod, container in containers():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == 10001, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert "memory" in container["resources"]["limits"], name
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert set(mounts) <= {volume["name"] for volume in pod["volumes"]}, name
        assert {"/data", "/tmp"} <= set(mounts.values()), name
    (namespace,) = of("Namespace")
    assert namespace["metadata"]["name"] == KUSTOMIZATION["namespace"]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_settings_and_claims_are_there() -> None:
    settings = {name.upper() for name in Config.__struct_fields__}
    (config,), (secret,) = of("ConfigMap"), of("Secret")
    given = {**config["data"], **secret["stringData"]}
    assert set(given) <= settings
    assert len(given) == len(config["data"]) + len(secret["stringData"])
    assert set(secret["stringData"].values()) == {""}  # no password that works
    names = {("configMapRef", config["metadata"]["name"]), ("secretRef", secret["metadata"]["name"])}
    for name, pod, container in containers():
        assert {(kind, entry["name"]) for source in container["envFrom"] for kind, entry in source.items()} == names
        claims = {v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"] if "persistentVolumeClaim" in v}
        assert claims <= {claim["metadata"]["name"] for claim in of("PersistentVolumeClaim")}, name


def test_commands_are_those_that_compose_starts() -> None:
    values = {name: value or "filled" for name, value in env_file(DOCKER / ".env.example").items()}
    services = load(FILE, values)["services"]
    ours = {"migrate": "migrate", "web": "web-1", "answers": "answers", "documents": "documents"}
    for _, _, container in containers():
        if container["name"] == "migrated":
            assert container["command"] == ["python", "manage.py", "migrate", "--check"]
        else:
            assert container["command"] == services[ours[container["name"]]]["command"]


def test_a_pod_has_the_time_to_drain() -> None:
    container = deployment("web")["spec"]["template"]["spec"]["containers"][0]
    wait = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    drain = int(re.findall(r"^graceful_timeout = (\d+)", (ROOT / container["command"][3]).read_text(), re.MULTILINE)[0])
    assert deployment("web")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > 2 * drain + wait
    readiness = container["readinessProbe"]["httpGet"]["path"], container["livenessProbe"]["httpGet"]["path"]
    assert readiness == ("/readyz", "/healthz")


def test_it_is_scaled_by_a_metric_that_there_is() -> None:
    (scaler,) = of("HorizontalPodAutoscaler")
    (metric,) = (entry["pods"]["metric"]["name"] for entry in scaler["spec"]["metrics"])
    assert f'"{metric}"' in (ROOT / "chatserver/realtime/hub.py").read_text()
