"""What is put beside our families for the server that runs them."""

from pathlib import Path

import pytest

from vdx.core.errors import SetupError
from vdx.serving.backend_dir import TritonPython, assemble_backend_directory


@pytest.fixture
def families(tmp_path: Path) -> Path:
    for family in ("tone", "onnxruntime", "shared"):
        (tmp_path / "families" / family).mkdir(parents=True)
        (tmp_path / "families" / family / "model.py").write_text(f"# ours: {family}")
    return tmp_path / "families"


def make_backend(folder: Path, name: str) -> Path:
    (folder / name).mkdir(parents=True)
    (folder / name / f"libtriton_{name}.so").write_bytes(b"\x7fELF")
    return folder / name


def test_a_stock_server_runs_onnx_models_itself(tmp_path: Path, families: Path) -> None:
    made = assemble_backend_directory(tmp_path / "out", families)
    assert sorted(path.name for path in made.iterdir()) == ["shared", "tone"]


def test_nvidias_backend_is_taken_from_beside_the_python_one(
    tmp_path: Path, families: Path
) -> None:
    python = make_backend(tmp_path / "stock", "python")
    make_backend(tmp_path / "stock", "onnxruntime")
    made = assemble_backend_directory(tmp_path / "out", families, python_backend=python)
    assert [p.name for p in (made / "onnxruntime").iterdir()] == ["libtriton_onnxruntime.so"]
    assert (made / "python" / "libtriton_python.so").exists()


def test_the_stand_in_is_there_where_nvidias_is_not(tmp_path: Path, families: Path) -> None:
    python = make_backend(tmp_path / "stock", "python")
    made = assemble_backend_directory(tmp_path / "out", families, python_backend=python)
    assert (made / "onnxruntime" / "model.py").read_text() == "# ours: onnxruntime"


@pytest.mark.parametrize("kind", ["broken link", "no program", "not Python", "below a file"])
def test_an_environment_that_cannot_be_used_is_named(kind: str, tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    if kind == "broken link":
        python.symlink_to("/nowhere/python")
    elif kind == "below a file":
        python = tmp_path / "file" / "python"
        python.parent.write_text("")
    else:
        python.write_text("#!/bin/sh\necho hello\n" if kind == "not Python" else "nothing")
        python.chmod(0o755)
    with pytest.raises(SetupError, match=str(python)):
        TritonPython.inspect(python)
