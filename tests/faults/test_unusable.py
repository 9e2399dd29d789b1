"""Folders, environments and streams that cannot be used: one line, a status, and no traceback."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.processes import VDX, plain_environment
from tests.triton.commands import Call
from tests.triton.conftest import vdx as run
from vdx.core.paths import locate

__all__ = ["run"]

BOUND = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner", "--inh-caps=-all"]
"""In front of a command: permissions count, also for root, who keeps the files that are root's."""


def vdx(
    *arguments: str,
    stdout: int = subprocess.PIPE,
    program: list[str] = VDX,
    bound: bool = False,
    **environ: str | bytes,
) -> subprocess.CompletedProcess[bytes]:
    kept = plain_environment()
    before = BOUND if bound and os.geteuid() == 0 else []
    return subprocess.run(
        [*before, *program, *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=kept | environ,
        timeout=120,
        check=False,
    )


def _one_line(answer: subprocess.CompletedProcess[bytes], *named: str) -> None:
    told = answer.stderr.decode(errors="replace").strip().splitlines()
    assert answer.returncode in (1, 2), told
    assert len(told) == 1, told
    assert told[0].startswith("vdx: ")
    for name in named:
        assert name in told[0]


def _homes(folder: Path) -> dict[str, str]:
    """Homes that nothing can be written to, also by root."""
    (folder / "file").write_text("")
    (folder / "link").symlink_to(folder / "file" / "below")
    return {
        "a file": str(folder / "file"),
        "below a file": str(folder / "file" / "home"),
        "a broken link": str(folder / "link"),
        "no writing": "/proc/nothing",
    }


@pytest.mark.parametrize("home", ["a file", "below a file", "a broken link", "no writing"])
def test_a_home_that_cannot_be_written_is_named(
    home: str, run: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = _homes(tmp_path)[home]
    monkeypatch.setenv("VDX_HOME", where)
    sentences = tmp_path / "words.txt"
    sentences.write_text("turn left\n")
    for command in (["grammar", "add", str(sentences)], ["up", "--port", "0", "--no-proof"]):
        refused = run(*command)
        assert refused.status in (1, 2), refused
        assert len(refused.err.strip().splitlines()) == 1, refused
        assert refused.err.startswith("vdx: ")
        assert where.partition("/home")[0] in refused.err
    assert run("voices", "list").status == 0
    doctor = run("doctor")
    assert doctor.status == 1
    assert "vdx home" in doctor.out


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A home that is there, may be read and not written to, by a user to whom that applies."""
    home = tmp_path / "home"
    home.mkdir(mode=0o555)
    yield home
    home.chmod(0o755)


def test_a_home_that_may_only_be_read_is_named(read_only: Path, tmp_path: Path) -> None:
    sentences = tmp_path / "words.txt"
    sentences.write_text("turn left\n")
    home = str(read_only)
    added = vdx("grammar", "add", str(sentences), bound=True, VDX_HOME=home)
    _one_line(added, home, "Permission denied")
    removed = vdx("voices", "remove", "nothing", bound=True, VDX_HOME=home)
    _one_line(removed)
    assert vdx("voices", "list", bound=True, VDX_HOME=home).returncode == 0
    doctor = vdx("doctor", bound=True, VDX_HOME=home)
    assert doctor.returncode == 1
    assert b"vdx home" in doctor.stdout
    assert b"Traceback" not in doctor.stderr


def test_a_triton_beside_a_home_that_may_only_be_read_is_refused(
    read_only: Path, tmp_path: Path
) -> None:
    """It makes a folder for pulled models there."""
    say = ("say", "Hello.", "--voice", "tone", "--out", str(tmp_path / "x.wav"))
    said = vdx(*say, bound=True, VDX_HOME=str(read_only))
    assert said.returncode == 1
    *_, last = said.stderr.decode().splitlines()
    assert last.endswith(f"VDX_HOME ({read_only}) must be a folder that this user can write to")
    assert not (tmp_path / "x.wav").exists()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The `vdx` of a checkout whose environment of the models nobody may look into."""
    folder, whole = tmp_path_factory.mktemp("checkout"), locate().data
    shutil.copytree(whole / "frontend" / "vdx", folder / "frontend" / "vdx")
    for name in ("pyproject.toml", "triton_backends", "requirements", "model_repository"):
        (folder / name).symlink_to(whole / name)
    environment = folder / ".venv-triton"
    environment.mkdir(mode=0)
    start = f"import sys; sys.path.insert(0, {str(folder / 'frontend')!r}); {VDX[-1]}"
    yield [*VDX[:-1], start]
    environment.chmod(0o755)


@pytest.mark.parametrize(
    "command",
    [
        ["up", "--port", "0", "--no-proof"],
        ["triton"],
        ["say", "Hello.", "--out", "x.wav"],
        ["grammar", "add"],
        ["setup"],
    ],
    ids=lambda command: command[0],
)
def test_an_environment_of_the_models_that_cannot_be_read_is_named(
    command: list[str], checkout: list[str], tmp_path: Path
) -> None:
    sentences = tmp_path / "words.txt"
    sentences.write_text("turn left\n")
    more = [str(sentences)] if command[0] == "grammar" else []
    answer = vdx(*command, *more, program=checkout, bound=True, VDX_HOME=str(tmp_path / "h"))
    told = answer.stderr.decode()
    assert answer.returncode in (1, 2), told
    assert "Traceback" not in told
    assert told.splitlines()[-1].startswith("vdx: "), told
    assert ".venv-triton" in told.splitlines()[-1]


def test_doctor_tells_of_an_environment_that_cannot_be_read(
    checkout: list[str], tmp_path: Path
) -> None:
    doctor = vdx("doctor", program=checkout, bound=True, VDX_HOME=str(tmp_path / "h"))
    assert doctor.returncode == 1
    assert b"Traceback" not in doctor.stderr, doctor.stderr.decode()
    assert b".venv-triton" in doctor.stdout


def test_a_home_of_nobody_is_named() -> None:
    _one_line(vdx("voices", "list", VDX_HOME="~no-such-user/vdx"), "~no-such-user")


def test_a_home_with_odd_characters_works(tmp_path: Path) -> None:
    home = os.fsencode(tmp_path) + b"/odd\n\xff name"
    assert vdx("voices", "list", VDX_HOME=home).returncode == 0
    assert b"vdx home" in vdx("doctor", VDX_HOME=home).stdout


@pytest.mark.parametrize(
    "command",
    # Doctor writes as the others do, and takes longest.
    [["config"], ["--help"], ["voices", "list"], pytest.param(["doctor"], marks=pytest.mark.long)],
)
def test_closed_standard_output_is_no_failure(command: list[str]) -> None:
    shell = ["sh", "-c", 'exec "$@" >&-', "sh", *VDX, *command]
    closed = subprocess.run(
        shell, env=plain_environment(), stderr=subprocess.PIPE, timeout=120, check=False
    )
    usual = vdx(*command)
    assert (closed.returncode, closed.stderr) == (usual.returncode, usual.stderr)
    reading, writing = os.pipe()
    os.close(reading)
    gone = vdx(*command, stdout=writing)
    os.close(writing)
    assert gone.returncode == 0
    assert gone.stderr in (b"", usual.stderr)


def test_a_full_standard_output_is_told() -> None:
    with Path("/dev/full").open("wb") as full:
        _one_line(vdx("config", stdout=full.fileno()), "standard output", "No space left")
