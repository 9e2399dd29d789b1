"""What holds of the images and the stack of containers, told without an engine."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from scripts.build_go_tool import require
from tests.documents import is_setting
from vdx.core import settings
from vdx.core.config import Config

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
COMPOSE = DOCKER / "compose.yaml"
IMAGES = sorted(path.name for path in DOCKER.glob("*.Dockerfile"))
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
HADOLINT = Path(sys.executable).with_name("hadolint")
PUBLIC = {
    "caddy": ["80:80", "443:443", "443:443/udp"],
    "livekit": ["7881:7881/tcp", "7882:7882/udp"],
    "grafana": ["127.0.0.1:3000:3000"],
}
"""Service -> the ports of the machine that it opens."""
NOT_SETTINGS = {"VDX_HEALTH_PORT"}


def instructions(image: str) -> list[tuple[str, str]]:
    """(instruction, the rest) of a Dockerfile, with its continued lines joined."""
    text = re.sub(
        r"^\s*#.*\n", "", (DOCKER / image).read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in lines if line.strip()]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_confined_and_comes_back(service: str) -> None:
    found = SERVICES[service]
    assert found["restart"] == "unless-stopped"
    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert found.get("cap_add", []) == (["NET_BIND_SERVICE"] if service == "caddy" else [])
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert not found.keys() & {"privileged", "network_mode", "pid", "ipc"}
    limits = found["deploy"]["resources"]["limits"]
    assert limits.keys() == {"cpus", "memory"}
    assert found.get("ports", []) == PUBLIC.get(service, [])
    assert found["image"].startswith("vdx/") or re.search(r":v?\d+\.\d+", found["image"])
    assert not any("docker.sock" in str(volume) for volume in found.get("volumes", []))


def test_every_variable_is_in_the_documented_file_and_used() -> None:
    text = COMPOSE.read_text(encoding="utf-8")
    used = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", text)) | {"VDX_API_KEY", "COMPOSE_PROFILES"}
    lines = (DOCKER / ".env.example").read_text(encoding="utf-8").splitlines()
    documented = {line.partition("=")[0] for line in lines if line and not line.startswith("#")}
    assert used == documented


def test_what_is_secret_has_no_default() -> None:
    lines = (DOCKER / ".env.example").read_text(encoding="utf-8").splitlines()
    values = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    secrets = [name for name in values if re.search(r"PASSWORD|SECRET|VDX_API_KEY", name)]
    assert len(secrets) == 4
    for name in secrets:
        assert values[name] == ""
        assert f"${{{name}:?set {name}" in COMPOSE.read_text(encoding="utf-8")


def test_every_setting_that_is_given_exists() -> None:
    given = {
        name
        for service in SERVICES.values()
        for name in service.get("environment", {})
        if name.startswith("VDX_") and name not in NOT_SETTINGS
    }
    assert len(given) > 10
    keys = [name.removeprefix("VDX_").lower().split("__") for name in given]
    assert [key for key in keys if not is_setting(Config, key)] == []


def filled_in() -> dict[str, str]:
    """The documented file of variables, with every secret made up."""
    lines = (DOCKER / ".env.example").read_text(encoding="utf-8").splitlines()
    values = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    secret = "made-up-for-this-test-0123456789ab"
    return values | {
        name: value or secret for name, value in values.items() if not name.startswith("TTS")
    }


VARIABLE = re.compile(
    r"(?<!\$)\$\{(?P<name>[A-Z_]+)(?::[-?](?P<default>(?:[^{}]|\$\{[^}]*\})*))?\}"
)


def interpolated(text: str) -> str:
    """As compose does it with `filled_in`."""
    values = filled_in()
    for _ in range(2):  # a default may name another variable
        text = VARIABLE.sub(lambda found: values[found["name"]] or found["default"] or "", text)
    return text


def environment(service: str) -> dict[str, str]:
    """What compose gives a service where every secret of the file is filled in."""
    given = SERVICES[service]["environment"].items()
    return {name: interpolated(str(value)) for name, value in given if name not in NOT_SETTINGS}


@pytest.mark.parametrize("service", ["frontend", "manager"])
def test_a_server_takes_the_settings_that_its_container_has(service: str) -> None:
    config = settings.load(environ=environment(service)).config
    assert config.triton.url == "unix:/var/lib/vdx/run/t:8001"
    assert config.log.format == "json"
    assert config.tracing.endpoint == "http://collector:4318"
    assert config.tts.voice == ""
    if service == "frontend":
        assert config.server.public_url == "https://voice.example.com"
        assert config.model_manager.url == "http://manager:8090"
        assert config.livekit.public_url == "wss://rtc.example.com"


# compose is built for it, in a minute where it was not built before.
@pytest.mark.long
def test_compose_takes_the_stack_as_it_is_filled_in(tmp_path: Path) -> None:
    """Its own command loses the variables (2.16.2), so they are put in before."""
    file = tmp_path / "compose.yaml"
    file.write_text(interpolated(COMPOSE.read_text(encoding="utf-8")))
    command = [str(require("compose")), "--no-interpolation", "--format", "json", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    services = json.loads(done.stdout)["services"]
    assert services.keys() == SERVICES.keys()
    for name in ("frontend", "manager"):
        given = services[name]["environment"].items()
        told = {key: str(value) for key, value in given if key not in NOT_SETTINGS}
        assert told == environment(name)


@pytest.mark.long  # as above
def test_compose_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    text = interpolated(COMPOSE.read_text(encoding="utf-8"))
    file.write_text(text.replace("stop_grace_period", "stop_grace"))
    command = [str(require("compose")), "--no-interpolation", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "stop_grace" in done.stderr


def test_calls_may_end_before_a_container_is_killed() -> None:
    lines = (DOCKER / ".env.example").read_text(encoding="utf-8")
    seconds = {key: int(value) for key, value in re.findall(r"(DRAIN|STOP)_SECONDS=(\d+)", lines)}
    assert seconds["STOP"] >= seconds["DRAIN"] + 60
    assert seconds["DRAIN"] == Config().server.drain_timeout_seconds


def test_spans_of_models_go_where_those_of_the_frontend_go() -> None:
    endpoints = {
        name: service["environment"]["VDX_TRACING__ENDPOINT"]
        for name, service in SERVICES.items()
        if name.startswith("triton") or name in ("frontend", "manager")
    }
    assert endpoints.keys() == {"triton-cpu", "triton-gpu", "frontend", "manager"}
    assert set(endpoints.values()) == {"http://collector:4318"}


def test_prometheus_asks_only_what_answers() -> None:
    """The embedded Triton serves no metrics to others: a target of it would be down for ever."""
    config = yaml.safe_load((DOCKER / "prometheus.yaml").read_text(encoding="utf-8"))
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    (given,) = jobs["vdx"]["static_configs"]
    assert given["targets"] == ["frontend:8080", "manager:8090"]
    (found,) = jobs["triton"]["dns_sd_configs"]
    assert [SERVICES[name]["profiles"] for name in found["names"]] == [["gpu"]]
    start = (DOCKER / "triton-gpu.sh").read_text(encoding="utf-8")
    assert f"--metrics-port={found['port']}" in start


def test_files_that_are_mounted_are_there() -> None:
    mounted = [
        DOCKER / volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if isinstance(volume, str) and volume.startswith(".")
    ]
    assert len(mounted) >= 7
    assert [path for path in mounted if not path.exists()] == []
    for path in mounted:
        if path.suffix == ".yaml":
            assert yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_as_nobody_in_particular(image: str) -> None:
    found = instructions(image)
    users = [rest for name, rest in found if name == "USER"]
    assert users[-1] == "10001:10001"
    (check,) = [rest for name, rest in found if name == "HEALTHCHECK"]
    assert "CMD [" in check
    (entry,) = [rest for name, rest in found if name == "ENTRYPOINT"]
    assert entry.startswith('["tini", "--", ')


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_is_made_of_what_is_pinned_and_there(image: str) -> None:
    found = instructions(image)
    for name, rest in found:
        if name == "FROM" and not rest.startswith("${"):
            assert re.search(r":\d+\.\d+", rest), f"{rest} can be anything"
        if name == "RUN" and "pip install" in rest and "/wheels/" not in rest:
            assert "--require-hashes" in rest
        if name == "COPY" and not rest.startswith("--from"):
            sources = [word for word in rest.split()[:-1] if not word.startswith("--")]
            assert [source for source in sources if not (ROOT / source).exists()] == []


def test_the_gpu_image_has_no_known_holes_of_its_base() -> None:
    bases = [rest for name, rest in instructions("triton-gpu.Dockerfile") if name == "ARG"]
    (year, month) = re.findall(r"tritonserver:(\d+)\.(\d+)-py3", " ".join(bases))[0]
    assert (int(year), int(month)) >= (25, 7)
    start = (DOCKER / "triton-gpu.sh").read_text(encoding="utf-8")
    for flag in ("--allow-http=false", "--grpc-address=unix:", "--model-control-mode=explicit"):
        assert flag in start
    assert "umask 077" in start


@pytest.mark.parametrize("image", IMAGES)
def test_hadolint_finds_nothing(image: str) -> None:
    told = subprocess.run(
        [str(HADOLINT), "--config", str(DOCKER / "hadolint.yaml"), str(DOCKER / image)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.skipif(
    shutil.which("strip") is None, reason="needs binutils (sudo apt install binutils)"
)
def test_what_is_stripped_can_still_be_loaded(tmp_path: Path) -> None:
    """numpy's matrix library is one of those that strip breaks."""
    site = Path(np.__file__).parents[1]
    for name in ("numpy", "numpy.libs"):
        shutil.copytree(site / name, tmp_path / name)
    before = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    subprocess.run(["sh", str(DOCKER / "slim.sh"), str(tmp_path)], check=True)
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in left) < before
    assert [path for path in left if path.suffix in (".pyi", ".h", ".stripped")] == []
    program = "import numpy; print(numpy.__file__, (numpy.eye(2) @ numpy.eye(2)).sum())"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"{tmp_path}/numpy/__init__.py 2.0\n", done.stderr
