"""What networks write for profilers, where it is asked for."""

import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from triton_backends.shared import onnx_session
from triton_backends.shared.nvtx import nvtx_range
from triton_backends.shared.onnx_profile import FOLDER, ask_for_profile


def doubling() -> bytes:
    def value(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [2])

    node = helper.make_node("Add", ["x", "x"], ["y"])
    graph = helper.make_graph([node], "doubling", [value("x")], [value("y")])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(made.SerializeToString())


def test_a_session_writes_what_its_operators_took_where_a_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = []
    monkeypatch.setattr("atexit.register", ends.append)
    monkeypatch.setenv(FOLDER, str(tmp_path))
    session = onnx_session.open_session("/models/a voice.onnx", doubling(), _options())
    onnx_session.run(session, {"x": np.ones(2, np.float32)})
    (end,) = ends
    end()
    (trace,) = tmp_path.glob("a-voice.onnx-*.json")
    events = json.loads(trace.read_text())
    assert "Add" in {event.get("args", {}).get("op_name") for event in events}


def test_nothing_is_written_where_none_is_named() -> None:
    options = _options()
    assert not ask_for_profile(options, "voice", {})
    assert not options.enable_profiling


def _options() -> object:
    return onnx_session.window_options(1)


def test_a_range_is_nothing_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    with nvtx_range("csm frame"):
        assert "torch" not in sys.modules
    monkeypatch.setitem(sys.modules, "torch", _torch([], initialized=False))
    with nvtx_range("csm frame"):
        pass


def test_a_range_has_its_name_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    monkeypatch.setitem(sys.modules, "torch", _torch(names, initialized=True))
    with nvtx_range("csm frame"), nvtx_range("csm mimi"):
        pass
    assert names == ["csm frame", "csm mimi"]


def _torch(names: list[str], *, initialized: bool) -> SimpleNamespace:
    @contextmanager
    def named(name: str) -> Iterator[None]:
        names.append(name)
        yield

    def range_of(name: str) -> AbstractContextManager[None]:
        return named(name)

    cuda = SimpleNamespace(is_initialized=lambda: initialized, nvtx=SimpleNamespace(range=range_of))
    return SimpleNamespace(cuda=cuda)
