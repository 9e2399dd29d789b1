"""The chart: what it says of settings and keys here, and that Kubernetes takes what it renders."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.build_go_tool import require
from tests.documents import ROOT, is_setting
from tests.unit.test_containers import SERVICES
from tests.unit.test_documented_programs import named
from vdx.core.config import Config

CHART = Path(__file__).resolve().parents[2] / "deploy" / "helm" / "vdx"
SETS = sorted(path.stem for path in (CHART / "ci").glob("*.yaml"))
KUBERNETES = ("1.29", "1.34")
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
KINDS = {
    "cpu": {"HorizontalPodAutoscaler", "Ingress", "NetworkPolicy", "PodDisruptionBudget"},
    "gpu": {"HorizontalPodAutoscaler", "NetworkPolicy", "PodDisruptionBudget"},
    "external": {"PodDisruptionBudget"},
}
TRACED = "settings.VDX_TRACING__ENDPOINT=http://collector:4318"
ALWAYS = {"Deployment", "StatefulSet", "Service"}


def rendered(name: str, version: str, *more: str) -> list[dict[str, Any]]:
    """What `helm template` makes of a set of values and `more` of them."""
    command = [str(require("helm")), "template", "calls", str(CHART), "--kube-version", version]
    command += [word for each in more for word in ("--set", each)]
    command += ["--values", str(CHART / "ci" / f"{name}.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def containers(objects: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for each in objects:
        if each["kind"] in ("Deployment", "StatefulSet"):
            pod = each["spec"]["template"]["spec"]
            yield from ((pod, container) for container in pod["containers"])


def test_three_sets_of_values_name_what_there_is() -> None:
    assert SETS == ["cpu", "external", "gpu"]

    def unknown(given: dict[str, Any], known: dict[str, Any], path: str) -> Iterator[str]:
        for key, value in given.items():
            if key not in known:
                yield f"{path}{key}"
            elif isinstance(value, dict) and known[key]:
                yield from unknown(value, known[key], f"{path}{key}.")

    for name in SETS:
        given = yaml.safe_load((CHART / "ci" / f"{name}.yaml").read_text(encoding="utf-8"))
        given.pop("nodeSelector", None)
        given.pop("settings", None)
        assert list(unknown(given, VALUES, "")) == []


def test_every_setting_that_a_template_gives_exists() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in CHART.rglob("templates/*"))
    names = set(re.findall(r"VDX_[A-Z_]+", text))
    assert len(names) >= 15
    keys = [name.removeprefix("VDX_").lower().split("__") for name in names]
    assert [key for key in keys if not is_setting(Config, key)] == []


def test_both_kinds_of_gpu_deployment_serve_the_same_models() -> None:
    chart = (CHART / "templates" / "triton.yaml").read_text(encoding="utf-8")
    script = (CHART.parents[2] / "docker" / "triton-gpu.sh").read_text(encoding="utf-8")
    chart_folders, script_folders = (
        re.findall(r"--(?:model-repository|backend-directory)=(\S+)", text)
        for text in (chart, script)
    )
    assert len(script_folders) == 3
    assert sorted(chart_folders) == sorted(script_folders)


def test_images_are_those_of_the_stack_of_containers() -> None:
    for name in ("redis", "livekit"):
        image = VALUES["images"][name]
        assert SERVICES[name]["image"] == f"{image['repository']}:{image['tag']}"


# helm is built for it, which takes minutes where it was not built before.
@pytest.mark.long
@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("name", KINDS)
def test_kubernetes_takes_what_is_rendered(name: str, version: str) -> None:
    from kubernetes_validate import validate

    objects = rendered(name, version)
    for each in objects:
        validate(each, version, strict=True)
    assert {each["kind"] for each in objects} == ALWAYS | KINDS[name]
    for pod, container in containers(objects):
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] is True
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert {"requests", "limits"} <= container["resources"].keys()
        assert container.keys() & {"livenessProbe"}


@pytest.mark.long  # as above
def test_calls_may_end_before_a_pod_is_killed() -> None:
    objects = rendered("gpu", KUBERNETES[0])
    drains = VALUES["frontend"]["drainSeconds"]
    (frontend,) = [pod for pod, container in containers(objects) if container["name"] == "frontend"]
    assert frontend["terminationGracePeriodSeconds"] >= drains + 60
    cards = [
        container["resources"]["limits"].get("nvidia.com/gpu")
        for _, container in containers(objects)
        if container["name"] == "triton"
    ]
    assert cards == [1], "one card for each pod"


@pytest.mark.long  # as above
@pytest.mark.parametrize("name", KINDS)
def test_spans_of_models_go_where_those_of_the_frontend_go(name: str) -> None:
    found = {
        container["name"]: {each["name"]: each.get("value") for each in container.get("env", ())}
        for _, container in containers(rendered(name, KUBERNETES[0], TRACED))
    }
    own = {each: told for each, told in found.items() if each in ("frontend", "manager", "triton")}
    assert {told["VDX_TRACING__ENDPOINT"] for told in own.values()} == {"http://collector:4318"}


@pytest.mark.long  # as above
def test_an_external_redis_has_to_be_named() -> None:
    command = [str(require("helm")), "template", "calls", str(CHART), "--kube-version", "1.31"]
    done = subprocess.run(
        [*command, "--set", "redis.enabled=false"], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "redis.url is needed where redis.enabled is false" in done.stderr


@pytest.mark.long  # as above
def test_the_printed_commands_render_what_is_installed(tmp_path: Path) -> None:
    (tmp_path / "my-values.yaml").write_bytes((CHART / "ci" / "cpu.yaml").read_bytes())
    for _, verb, name, chart, *options in named("helm"):
        assert verb in ("install", "upgrade")
        command = [str(require("helm")), "template", name, str(ROOT / chart), *options]
        command += ["--kube-version", KUBERNETES[0]]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        kinds = {each["kind"] for each in yaml.safe_load_all(done.stdout) if each}
        assert kinds == ALWAYS | KINDS["cpu"]
