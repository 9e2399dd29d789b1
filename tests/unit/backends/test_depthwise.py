"""Depthwise convolutions over time, rewritten: the same results, and nothing else is touched."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from benchmarks.onnx_graph import Graph
from triton_backends.shared.depthwise import as_images
from triton_backends.shared.network import Device, Network
from triton_backends.transducer.model_folder import Options, open_model

CHANNELS, FRAMES = 16, 40
CASES: dict[str, dict[str, object]] = {
    "plain": {},
    "padded": {"pads": [3, 1]},
    "strided": {"strides": [2], "pads": [2, 2]},
    "dilated": {"dilations": [3]},
}


def convolution(
    folder: Path,
    *,
    channels: int = CHANNELS,
    group: int = CHANNELS,
    twice: bool = False,
    **more: object,
) -> Path:
    graph = Graph(1)
    source = graph.input("x", ["N", channels, FRAMES])
    kernel = graph.random(channels, channels // group, 5)
    found = graph.node("Conv", source, kernel, graph.random(channels), group=group, **more)
    if twice:
        found = graph.node("Conv", found, kernel, group=group)
    graph.output("y", found, ["N", channels, "T"])
    graph.save(folder / "net.onnx", {"told": "kept"})
    return folder


@pytest.mark.parametrize("attributes", CASES.values(), ids=CASES)
@pytest.mark.parametrize("people", [1, 3])
def test_the_results_stay(tmp_path: Path, attributes: dict[str, object], people: int) -> None:
    folder = convolution(tmp_path, **attributes)
    plain, images = (Network(folder, "net.onnx", Device(), over_time=on) for on in (False, True))
    sound = np.random.default_rng(2).normal(size=(people, CHANNELS, FRAMES)).astype(np.float32)
    np.testing.assert_allclose(images({"x": sound})[0], plain({"x": sound})[0], atol=1e-5)
    assert images.metadata == {"told": "kept"}


def test_it_becomes_an_image(tmp_path: Path) -> None:
    rewritten = as_images(convolution(tmp_path), "net.onnx")
    assert rewritten is not None
    model = onnx.load_model_from_string(rewritten)
    onnx.checker.check_model(model)
    kinds = [node.op_type for node in model.graph.node]
    assert kinds == ["Reshape", "Conv", "Reshape", "Identity"]
    kernel = next(each for each in model.graph.initializer if len(each.dims) == 4)
    assert list(kernel.dims) == [CHANNELS, 1, 1, 5]


def test_other_networks_stay_as_they_are(tmp_path: Path) -> None:
    """Channels that are mixed, a number that gains nothing, one kernel for two, no network."""
    kinds = {"mixed": {"group": 1}, "few": {"channels": 12, "group": 12}, "shared": {"twice": True}}
    for name, more in kinds.items():
        (tmp_path / name).mkdir()
        folder = convolution(tmp_path / name, **more)  # type: ignore[arg-type]
        assert as_images(folder, "net.onnx") is None, name
    (tmp_path / "net.onnx").write_bytes(b"no network")
    assert as_images(tmp_path, "net.onnx") is None
    assert as_images(tmp_path, "gone.onnx") is None


def test_weights_in_another_file_are_left_to_onnxruntime(tmp_path: Path) -> None:
    folder = convolution(tmp_path)
    model = onnx.load(str(folder / "net.onnx"))
    onnx.save(model, str(folder / "net.onnx"), save_as_external_data=True, size_threshold=0)
    assert as_images(folder, "net.onnx") is None
    assert Network(folder, "net.onnx", Device(), over_time=True).metadata == {"told": "kept"}


def test_kernels_that_a_run_may_replace_stay(tmp_path: Path) -> None:
    """Exports of old list every weight as an input too, whose shape is told there."""
    folder = convolution(tmp_path)
    model = onnx.load(str(folder / "net.onnx"))
    for each in model.graph.initializer:
        told = onnx.helper.make_tensor_value_info(each.name, each.data_type, each.dims)
        model.graph.input.append(told)
    onnx.save(model, str(folder / "net.onnx"))
    assert as_images(folder, "net.onnx") is None
    assert Network(folder, "net.onnx", Device(), over_time=True).metadata == {"told": "kept"}


def test_encoders_are_opened_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.unit.backends.transducer import tiny
    from triton_backends.shared import network

    asked: list[str] = []
    monkeypatch.setattr(network, "as_images", lambda _, name: asked.append(name))
    for make in (tiny.zipformer, tiny.zipformer_ctc, tiny.nemo):
        open_model(make(tmp_path / make.__name__), Options())
    assert asked == ["encoder-tiny.onnx", "model.onnx", "encoder.onnx"]
