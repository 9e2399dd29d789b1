"""How Dockerfiles are carried out without an engine; that it works needs root, and a network."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.try_images import (
    DOCKER,
    ROOT,
    SERVES,
    Image,
    carry_out,
    fetched_mb,
    instructions,
    left_out,
    megabytes,
)
from vdx.cli.frontend import with_manager
from vdx.cli.main import load_command
from vdx.core.config import Config


def test_what_an_engine_leaves_out_is_left_out() -> None:
    assert left_out(str(ROOT), [".git", ".venv", "frontend", "reports"]) == {
        ".git",
        ".venv",
        "reports",
    }
    assert left_out(str(ROOT / "tests"), ["unit", "data"]) == {"unit"}
    assert left_out(str(ROOT / "frontend"), ["vdx", "__pycache__"]) == {"__pycache__"}


def test_what_a_dockerfile_says_of_a_process_is_kept(tmp_path: Path) -> None:
    image = Image(tmp_path)
    for instruction, rest in instructions(DOCKER / "frontend.Dockerfile"):
        if instruction in ("ENV", "USER", "WORKDIR", "ENTRYPOINT", "CMD"):
            carry_out(image, instruction, rest, {})
    assert image.user == "10001:10001"
    assert image.entrypoint == ["tini", "--", "vdx"]
    assert image.command == ["frontend", "--host", "0.0.0.0"]
    assert image.variables()["PATH"].startswith("/opt/vdx/bin:")
    assert image.variables()["VDX_HOME"] == image.folder == "/var/lib/vdx"


def test_a_confined_process_has_a_read_only_root_and_no_rights(tmp_path: Path) -> None:
    image = Image(tmp_path, user="10001:10002")
    *_, script, _, command = image.call(["true"], (tmp_path / "v", "/volume"), confined=True)
    assert command == "true"
    steps = script.split("; ")
    read_only = steps.index(f"mount -o remount,bind,ro {tmp_path}")
    assert steps[1] == f"mount --bind {tmp_path} {tmp_path}"
    assert steps.index(f"mount --bind {tmp_path}/v {tmp_path}/volume") < read_only
    assert "--reuid=10001 --regid=10002 --clear-groups --no-new-privs" in steps[-2]
    assert "--bounding-set=-all" in steps[-2]
    assert "remount" not in " ".join(image.call(["true"]))


def test_a_file_with_two_names_is_counted_once(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(bytes(1_000_000))
    (tmp_path / "two").hardlink_to(tmp_path / "one")
    assert megabytes(tmp_path) == pytest.approx(1.0)


def test_the_starters_count_though_no_image_holds_them() -> None:
    assert fetched_mb("frontend") == 0
    assert 140 < fetched_mb("triton-cpu") < 200


def test_the_frontend_that_is_started_is_not_refused() -> None:
    given = load_command(SERVES[0]).make_context(SERVES[0], [*SERVES[1:]]).params
    config = Config.model_validate({"model_manager": {"url": given["manager"] or ""}})
    assert with_manager(config).model_manager.url == ""


# Two images of a gigabyte, from registries.
@pytest.mark.long
@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("debootstrap", path="/usr/sbin:/usr/bin") is None,
    reason="needs root, and debootstrap (sudo apt install debootstrap)",
)
def test_what_the_images_hold_starts_and_talks(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scripts.try_images", str(tmp_path), "--talk"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "heard ['go forward ten meters']" in done.stdout
