"""What PyTorch holds of the GPUs is told without loading PyTorch."""

import sys
from types import SimpleNamespace

import pytest

from triton_backends.shared.torch_memory import gpu_bytes


def holding(monkeypatch: pytest.MonkeyPatch, *, used: bool) -> None:
    """A PyTorch with two GPUs, 100 and 200 bytes of which it holds; for processes without one."""
    cuda = SimpleNamespace(
        is_initialized=lambda: used,
        device_count=lambda: 2,
        memory_reserved=lambda number: 100 * (number + 1),
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))


def test_what_all_gpus_hold_is_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    holding(monkeypatch, used=True)
    assert gpu_bytes() == 300


def test_a_pytorch_that_uses_no_gpu_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    holding(monkeypatch, used=False)
    assert gpu_bytes() == 0


def test_a_model_without_pytorch_loads_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert gpu_bytes() == 0
    assert "torch" not in sys.modules
