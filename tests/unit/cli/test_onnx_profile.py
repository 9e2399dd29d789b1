"""What `vdx profile MODEL --onnx` makes of the traces of onnxruntime, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest

from vdx.cli import launch, onnx_profile, profile
from vdx.cli.onnx_profile import operators, rows
from vdx.core.errors import InvalidInput, SetupError, UnknownName
from vdx.serving.models import ModelInfo


def node(name: str, kind: str, us: int) -> dict[str, Any]:
    return {"cat": "Node", "name": name, "dur": us, "args": {"op_name": kind}}


def trace(folder: Path, network: str, *nodes: dict[str, Any]) -> Path:
    file = folder / f"{network}-4711_2026-12-01_01-00-00.json"
    session = {"cat": "Session", "name": "model_run", "dur": 9_000_000, "args": {}}
    file.write_text(json.dumps([session, *nodes]))
    return file


def test_nodes_of_one_type_are_added_up_network_by_network(tmp_path: Path) -> None:
    files = [
        trace(
            tmp_path,
            "decoder",
            node("a_kernel_time", "Conv", 3000),
            node("b_kernel_time", "Conv", 2000),
            node("a_fence_before", "Conv", 900),
        ),
        trace(tmp_path, "text", node("c_kernel_time", "MatMul", 1000)),
    ]
    found = operators(files)
    assert [(each.network, each.name, each.calls) for each in found] == [
        ("decoder", "Conv", 2),
        ("text", "MatMul", 1),
    ]
    assert rows(found) == [
        ["decoder", "Conv", "2", "5.0", "83.3"],
        ["text", "MatMul", "1", "1.0", "16.7"],
    ]


def test_what_is_left_over_is_one_line(tmp_path: Path) -> None:
    nodes = [node(f"{n}_kernel_time", f"Op{n:02}", 1000) for n in range(20)]
    table = rows(operators([trace(tmp_path, "net", *nodes)]))
    assert len(table) == onnx_profile.MOST + 1
    assert table[-1] == ["", "others", "5", "5.0", "25.0"]


def test_what_is_no_trace_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": 1}')
    with pytest.raises(InvalidInput, match=r"x\.json is no trace"):
        operators([tmp_path / "x.json"])


@pytest.mark.parametrize("options", [{"top": True}, {"native": True}, {"what": "frontend"}])
def test_it_is_of_a_model_and_of_nothing_else(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="--onnx is of a MODEL"):
        profile.profile(**({"what": "a-voice", "onnx": True} | options))


def test_a_model_that_cannot_work_by_itself_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async def here() -> dict[str, ModelInfo]:
        return {"turns": ModelInfo("turns", "endpointer", "smart_turn", ("*",), 16_000)}

    monkeypatch.setattr(launch, "models_here", here)
    with pytest.raises(UnknownName, match="no model 'other' here; there are: turns"):
        onnx_profile.traces_of("other", Path("unused"))
    with pytest.raises(InvalidInput, match="neither speaks nor hears"):
        onnx_profile.traces_of("turns", Path("unused"))


def test_a_voice_without_a_network_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(onnx_profile, "_work", lambda *_: ["--version"])
    monkeypatch.setattr(onnx_profile.subprocess, "run", lambda *_, **__: _Done())
    with pytest.raises(SetupError, match="a-voice has no network of onnxruntime"):
        onnx_profile.traces_of("a-voice", tmp_path / "out")


def test_it_works_with_the_settings_of_the_folder_it_is_called_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def here() -> dict[str, ModelInfo]:
        return {"joe": ModelInfo("joe", "tts", "piper", ("en",), 22_050)}

    def run(command: list[str], *, cwd: str | None = None, **_: Any) -> "_Done":
        assert cwd is None
        assert Path(command[command.index("--out") + 1]).is_absolute(), "nothing is left here"
        names = next(each for each in command if each.startswith("embedded.environment="))
        assert json.loads(names.partition("=")[2]) == ["MY_LICENCE", onnx_profile.FOLDER]
        return _Done()

    monkeypatch.delenv("VDX_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("vdx.yaml").write_text("embedded: {environment: [MY_LICENCE]}")
    monkeypatch.setattr(launch, "models_here", here)
    monkeypatch.setattr(onnx_profile.subprocess, "run", run)
    with pytest.raises(SetupError, match="no network of onnxruntime"):
        onnx_profile.traces_of("joe", tmp_path / "out")


class _Done:
    returncode = 0
