"""What the process of every model does first, and nothing else does for it."""

import importlib
import json
import os
import sys
from types import ModuleType, SimpleNamespace

import pytest

from triton_backends.shared import heap
from triton_backends.shared.onnx_session import window_options

NAME = "triton_backends.shared.model_backend"


@pytest.fixture
def set_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The steps that were taken for the whole process."""
    steps: list[str] = []
    monkeypatch.setattr(heap, "return_freed_memory", lambda: steps.append("heap"))
    monkeypatch.setattr(
        "triton_backends.shared.parent_watch.exit_with_parent", lambda: steps.append("parent")
    )
    return steps


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch, set_up: list[str]) -> ModuleType:
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", SimpleNamespace())
    monkeypatch.delitem(sys.modules, NAME, raising=False)
    module = importlib.import_module(NAME)
    monkeypatch.delitem(sys.modules, NAME)
    return module


def test_every_model_sets_its_heap_once(backend: ModuleType, set_up: list[str]) -> None:
    arguments = {
        "model_config": json.dumps({"parameters": {}}),
        "model_name": "hum",
        "model_version": "1",
        "model_repository": "/models/hum",
        "model_instance_kind": "CPU",
        "model_instance_device_id": "0",
        "model_instance_name": "hum_0",
    }
    backend.ModelBackend()._read_arguments(arguments)
    assert set_up == ["parent", "heap"]


def test_options_of_a_session_change_nothing_in_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(name: object) -> None:
        raise AssertionError("the C library was opened")

    monkeypatch.setattr(heap.ctypes, "CDLL", refused)
    assert window_options(1).intra_op_num_threads == 1


@pytest.mark.parametrize(
    ("cores", "half", "all_of_them"), [(1, 1, 1), (2, 1, 2), (4, 2, 4), (64, 4, 4)]
)
def test_a_network_computes_on_the_cores_it_may_use(
    cores: int, half: int, all_of_them: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    options = window_options(0)
    assert options.intra_op_num_threads == half
    assert window_options(0, all_cores=True).intra_op_num_threads == all_of_them
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
