"""What is put beside our families for the server that runs them."""

from pathlib import Path

import pytest

from frontend.serving.backend_dir import assemble_backend_directory


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
