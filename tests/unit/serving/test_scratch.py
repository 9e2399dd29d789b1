"""Temporary folders with owners, and clearing what owners that are gone left."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vdx.serving import scratch
from vdx.serving.scratch import Scratch, clear_dead

DYING = """
import os, sys, tempfile
from pathlib import Path
from vdx.serving import scratch
scratch.SHARED_MEMORY, tempfile.tempdir = Path(sys.argv[1]), sys.argv[2]
made = scratch.Scratch.create("test")
(scratch.SHARED_MEMORY / f"{made.region_prefix}region").touch()
(made.folder / "file").touch()
os._exit(0)
"""


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for /dev/shm; TMPDIR is beside it."""
    folder, temporary = tmp_path / "shm", tmp_path / "tmp"
    folder.mkdir()
    temporary.mkdir()
    monkeypatch.setattr(scratch, "SHARED_MEMORY", folder)
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    return folder


def _die(shared: Path) -> None:
    command = [sys.executable, "-c", DYING, str(shared), str(shared.parent / "tmp")]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[3])


def test_what_is_removed_leaves_nothing(shared: Path) -> None:
    made = Scratch.create("test")
    assert made.folder.stat().st_mode & 0o077 == 0
    (shared / f"{made.region_prefix}region").touch()
    clear_dead()
    assert made.folder.exists(), "its owner lives"
    made.remove()
    assert not made.folder.exists()
    assert not list(shared.iterdir())


def test_what_a_dead_owner_left_is_cleared(shared: Path) -> None:
    _die(shared)
    folders = list((shared.parent / "tmp").iterdir())
    assert len(folders) == 1
    assert len(list(shared.iterdir())) == 2
    living = Scratch.create("test")
    clear_dead()
    assert not folders[0].exists()
    assert living.folder.exists()
    assert [file.name for file in shared.iterdir()] == [f"{living.region_prefix}owner"]
    living.remove()


def test_a_child_that_inherited_the_lock_is_an_owner(shared: Path) -> None:
    made = Scratch.create("test")
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[made.lock]) as child:
        os.close(made.lock)
        clear_dead()
        assert made.folder.exists()
        child.communicate()
    clear_dead()
    assert not made.folder.exists()


@pytest.mark.parametrize("content", ["/etc", "relative/vdx-x", "", "{tmp}/other"])
def test_a_file_that_names_no_folder_of_vdx_removes_none(shared: Path, content: str) -> None:
    other = shared.parent / "tmp" / "other"
    other.mkdir()
    (shared / "vdx_0123_owner").write_text(content.format(tmp=other.parent))
    clear_dead()
    assert other.exists()
    assert Path("/etc").exists()


def test_links_and_pipes_among_shared_memory_are_left_alone(shared: Path) -> None:
    target = shared.parent / "tmp" / "vdx-target"
    target.mkdir()
    named = shared.parent / "named"
    named.write_text(str(target))
    (shared / "vdx_1_owner").symlink_to(named)
    os.mkfifo(shared / "vdx_2_owner")
    clear_dead()
    assert target.exists()


def test_a_folder_that_cannot_be_made_leaves_nothing(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(shared / "nowhere"))
    with pytest.raises(OSError, match="nowhere"):
        Scratch.create("test")
    assert not list(shared.iterdir())
