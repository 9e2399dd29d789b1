"""`vdx doctor`: every check in both outcomes, on the real machine where it can be."""

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vdx.cli import checks, doctor
from vdx.cli.checks import Check, Status
from vdx.cli.extras import EXTRAS
from vdx.core.config import Config, EmbeddedConfig, ServerConfig, TritonConfig
from vdx.core.errors import ModelTimeout
from vdx.core.paths import locate
from vdx.serving.models import ModelState
from vdx.serving.triton import TritonClient


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_this_machine_can_run_vdx() -> None:
    found = list(checks.machine_checks(locate()))
    assert [check for check in found if check.status is Status.FAIL] == []
    assert {"python", "glibc", "triton environment", "libpython", "model repository"} <= {
        check.name for check in found
    }


def test_old_python_fails() -> None:
    assert checks.check_python((3, 10)).status is Status.FAIL
    assert checks.check_python((3, 14)).status is Status.OK


@pytest.mark.parametrize(
    ("machine", "glibc", "status"),
    [
        ("x86_64", (2, 35), Status.OK),
        ("x86_64", (3, 0), Status.OK),
        ("x86_64", (2, 31), Status.FAIL),
        ("x86_64", None, Status.FAIL),
        ("aarch64", (2, 39), Status.FAIL),
    ],
)
def test_glibc(machine: str, glibc: tuple[int, int] | None, status: Status) -> None:
    check = checks.check_glibc(machine, glibc)
    assert check.status is status
    assert bool(check.mend) == (status is Status.FAIL)


def test_absent_environment_says_how_to_build_it(tmp_path: Path) -> None:
    paths = replace(locate(), triton_venv=tmp_path / "absent")
    [check] = checks.check_triton_environment(paths)
    assert (check.status, check.mend) == (Status.FAIL, "run: vdx setup")


def test_outdated_environment_is_a_warning(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements"
    requirements.mkdir()
    for name in ("triton.txt", *(extra.list_name for extra in EXTRAS)):
        (requirements / name).write_text("numpy==0\n")
    paths = replace(locate(), data=tmp_path)
    first = next(checks.check_triton_environment(paths))
    assert first.status is Status.WARN
    assert "outdated" in first.detail


def test_empty_repository_fails(tmp_path: Path) -> None:
    check = checks.check_repository(replace(locate(), data=tmp_path))
    assert check.status is Status.FAIL
    assert str(tmp_path) in check.detail


def test_shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.check_shared_memory(tmp_path / "absent").status is Status.WARN
    assert checks.check_shared_memory(tmp_path).status is Status.OK
    monkeypatch.setattr(checks, "LEAST_SHARED_MEMORY", 2**62)
    assert checks.check_shared_memory(tmp_path).status is Status.WARN


def test_ports(taken_port: int) -> None:
    taken = checks.check_port("server port", "127.0.0.1", taken_port)
    assert taken.status is Status.WARN
    assert str(taken_port) in taken.detail
    assert checks.check_port("server port", "127.0.0.1", 0).status is Status.OK


def test_ports_of_a_running_triton_are_not_reported() -> None:
    config = Config(embedded=EmbeddedConfig(metrics_port=0))
    assert len(list(checks.port_checks(config, triton_answers=True))) == 1
    assert len(list(checks.port_checks(config, triton_answers=False))) == 2


def test_sound_never_fails() -> None:
    found = list(checks.sound_checks())
    assert found[0].name == "portaudio"
    assert all(check.status is not Status.FAIL for check in found)


async def test_no_triton_is_a_warning(free_port: int) -> None:
    config = Config(triton=TritonConfig(url=f"127.0.0.1:{free_port}"))
    found, answers = await doctor._triton_checks(config)
    assert not answers
    assert [(check.status, check.mend) for check in found] == [
        (Status.WARN, "start one with: vdx up")
    ]


@pytest.mark.parametrize(
    ("states", "status", "detail"),
    [
        ([ModelState("tone", "READY", ""), ModelState("espeak-en", "LOADING", "")], "ok", "tone"),
        ([ModelState("tone", "UNAVAILABLE", "unloaded")], "warn", "none is loaded"),
        (ModelTimeout("no answer"), "fail", "no answer"),
    ],
)
async def test_models_of_a_running_triton(
    states: list[ModelState] | ModelTimeout,
    status: str,
    detail: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def is_ready(self: TritonClient) -> bool:
        return True

    async def index(self: TritonClient) -> list[ModelState]:
        if isinstance(states, ModelTimeout):
            raise states
        return states

    monkeypatch.setattr(TritonClient, "is_ready", is_ready)
    monkeypatch.setattr(TritonClient, "index", index)
    [server, models], answers = await doctor._triton_checks(Config())
    assert answers
    assert server.status is Status.OK
    assert models.status == status
    assert detail in models.detail
    assert "espeak-en" not in models.detail


def test_json_report_and_exit_status(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free_port: int
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VDX_TRITON__URL", f"127.0.0.1:{free_port}")
    answer = CliRunner().invoke(doctor.app, ["--json"])
    report = json.loads(answer.stdout)
    assert report["ok"] is (answer.exit_code == 0)
    assert {"name", "status", "detail", "mend"} == set(report["checks"][0])


def test_a_failure_ends_with_status_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    bad = [Check("glibc", Status.FAIL, "2.31", "upgrade"), Check("python", Status.OK, "3.11")]
    monkeypatch.setattr(doctor, "examine", lambda config: bad)
    answer = CliRunner().invoke(doctor.app, [])
    assert answer.exit_code == 1
    assert "fail  glibc" in answer.stdout
    assert "-> upgrade" in answer.stdout


def test_host_of_the_server_port_is_the_configured_one(taken_port: int) -> None:
    config = Config(server=ServerConfig(host="127.0.0.1", port=taken_port))
    first = next(iter(checks.port_checks(config, triton_answers=True)))
    assert first.detail.startswith(f"127.0.0.1:{taken_port}")


def test_a_model_in_both_repositories_fails(tmp_path: Path) -> None:
    paths = replace(locate(), home=tmp_path)
    assert checks.check_repository(paths).status is Status.OK
    (tmp_path / "model_repository" / "tone").mkdir(parents=True)
    (tmp_path / "model_repository" / "tone" / "config.pbtxt").touch()
    check = checks.check_repository(paths)
    assert check.status is Status.FAIL
    assert "tone" in check.detail


def test_a_broken_voicepack_is_told(tmp_path: Path) -> None:
    paths = replace(locate(), home=tmp_path)
    assert checks.check_voicepacks(paths).status is Status.OK
    pack = tmp_path / "voicepacks" / "piper" / "odd"
    pack.mkdir(parents=True)
    (pack / "metadata.yaml").write_text("id: odd\n")
    check = checks.check_voicepacks(paths)
    assert check.status is Status.WARN
    assert "is missing" in check.detail
    assert check.mend.startswith("vdx voices remove odd")
