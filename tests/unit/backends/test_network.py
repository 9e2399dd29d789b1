"""What a network keeps of its runs."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from triton_backends.moonshine import model_folder
from triton_backends.shared import network
from triton_backends.shared.network import Device, Network


@pytest.mark.parametrize("any_length", [False, True])
def test_memory_is_planned_for_inputs_of_one_length(
    any_length: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    def opened(_name: str, _model: object, options: Any, _providers: object) -> object:
        given.append(options)
        return SimpleNamespace(
            get_inputs=list,
            get_outputs=list,
            get_modelmeta=lambda: SimpleNamespace(custom_metadata_map={}),
        )

    monkeypatch.setattr(network, "open_session", opened)
    (tmp_path / "net.onnx").write_bytes(b"never read")
    Network(tmp_path, "net.onnx", Device(), any_length=any_length)
    [options] = given
    assert options.enable_mem_pattern is not any_length
    assert options.enable_cpu_mem_arena is not any_length


def test_moonshine_takes_windows_of_any_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[dict[str, bool]] = []
    monkeypatch.setattr(model_folder, "Network", lambda *_, **more: given.append(more))
    (tmp_path / "encoder.onnx").touch()
    model_folder._network(tmp_path, "encoder", Device())
    assert given == [{"any_length": True}]
