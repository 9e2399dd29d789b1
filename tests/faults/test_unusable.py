"""Folders, environments and streams that cannot be used: one line, a status, and no traceback."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.server.processes import VDX, plain_environment


def vdx(
    *arguments: str, stdout: int = subprocess.PIPE, **environ: str | bytes
) -> subprocess.CompletedProcess[bytes]:
    kept = plain_environment()
    return subprocess.run(
        [*VDX, *arguments],
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
def test_a_home_that_cannot_be_written_is_named(home: str, tmp_path: Path) -> None:
    where = _homes(tmp_path)[home]
    sentences = tmp_path / "words.txt"
    sentences.write_text("turn left\n")
    added = vdx("grammar", "add", str(sentences), VDX_HOME=where)
    _one_line(added, where.partition("/home")[0])
    _one_line(vdx("up", "--port", "0", "--no-proof", VDX_HOME=where), where.partition("/home")[0])
    assert vdx("voices", "list", VDX_HOME=where).returncode == 0
    doctor = vdx("doctor", VDX_HOME=where)
    assert doctor.returncode == 1
    assert b"vdx home" in doctor.stdout


def test_a_home_of_nobody_is_named() -> None:
    _one_line(vdx("voices", "list", VDX_HOME="~no-such-user/vdx"), "~no-such-user")


def test_a_home_with_odd_characters_works(tmp_path: Path) -> None:
    home = os.fsencode(tmp_path) + b"/odd\n\xff name"
    assert vdx("voices", "list", VDX_HOME=home).returncode == 0
    assert b"vdx home" in vdx("doctor", VDX_HOME=home).stdout


@pytest.mark.parametrize("command", [["config"], ["--help"], ["voices", "list"], ["doctor"]])
def test_closed_standard_output_is_no_failure(command: list[str]) -> None:
    shell = ["sh", "-c", 'exec "$@" >&-', "sh", *VDX, *command]
    closed = subprocess.run(shell, stderr=subprocess.PIPE, timeout=120, check=False)
    expected = vdx(*command).returncode
    assert (closed.returncode, closed.stderr) == (expected, b"")
    reading, writing = os.pipe()
    os.close(reading)
    gone = vdx(*command, stdout=writing)
    os.close(writing)
    assert (gone.returncode, gone.stderr) == (0, b"")


def test_a_full_standard_output_is_told() -> None:
    with Path("/dev/full").open("wb") as full:
        _one_line(vdx("config", stdout=full.fileno()), "standard output", "No space left")
