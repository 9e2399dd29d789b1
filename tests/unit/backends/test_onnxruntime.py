"""The stand-in for NVIDIA's onnxruntime backend: its configuration keys, and running a model."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from triton_backends.onnxruntime.engine import OnnxModel
from triton_backends.onnxruntime.options import CPU, CUDA, SessionSettings
from triton_backends.shared.errors import Internal, InvalidArgument

TENSORRT = "TensorrtExecutionProvider"


def settings(device: int | None = None, **config: Any) -> SessionSettings:
    parameters = config.pop("parameters", {})
    config["parameters"] = {key: {"string_value": value} for key, value in parameters.items()}
    return SessionSettings.of(config, device=device, available=(TENSORRT, CUDA, CPU))


def test_the_defaults_are_nvidias() -> None:
    found = settings()
    assert found.providers == ((CPU, {}),)
    assert found.level == "ORT_ENABLE_ALL"
    assert (found.intra_threads, found.inter_threads, found.parallel) == (0, 0, False)


def test_keys_are_read() -> None:
    found = settings(
        device=1,
        optimization={
            "graph": {"level": 1},
            "execution_accelerators": {"gpu_execution_accelerator": [{"name": "tensorrt"}]},
        },
        parameters={
            "intra_op_thread_count": "3",
            "inter_op_thread_count": "2",
            "execution_mode": "1",
            "cudnn_conv_algo_search": "1",
            "enable_mem_arena": "0",
        },
    )
    cuda = {"device_id": 1, "cudnn_conv_algo_search": "HEURISTIC"}
    assert found.providers == ((TENSORRT, {}), (CUDA, cuda), (CPU, {}))
    assert found.level == "ORT_ENABLE_EXTENDED"
    assert (found.intra_threads, found.inter_threads, found.parallel) == (3, 2, True)
    assert not found.memory_arena


def test_what_this_wheel_lacks_falls_to_the_cpu() -> None:
    found = SessionSettings.of({}, device=0, available=(CPU,))
    assert found.providers == ((CPU, {}),)


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"optimization": {"graph": {"level": 7}}}, "7"),
        ({"parameters": {"cudnn_conv_algo_search": "9"}}, "cudnn_conv_algo_search"),
        ({"parameters": {"intra_op_thread_count": "many"}}, "many"),
        (
            {
                "optimization": {
                    "execution_accelerators": {"cpu_execution_accelerator": [{"name": "magic"}]}
                }
            },
            "magic",
        ),
    ],
)
def test_bad_values_are_named(config: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidArgument, match=named):
        settings(**config)


@pytest.fixture
def doubling(tmp_path: Path) -> Path:
    vector = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "doubling",
        [vector("x", TensorProto.FLOAT, ["n"])],
        [vector("y", TensorProto.FLOAT, ["n"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    onnx.save(model, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def test_a_model_runs(doubling: Path) -> None:
    model = OnnxModel(doubling, settings(), ["x"], ["y"])
    [found] = model.run({"x": np.arange(3, dtype=np.float32)})
    assert found.tolist() == [0, 2, 4]
    with pytest.raises(Internal, match="the network failed"):
        model.run({"x": np.arange(3, dtype=np.int16)})


@pytest.mark.parametrize(
    ("inputs", "outputs", "named"), [(["x", "z"], ["y"], "'z'"), (["x"], ["w"], "'w'")]
)
def test_a_configuration_that_does_not_fit_is_refused(
    doubling: Path, inputs: list[str], outputs: list[str], named: str
) -> None:
    with pytest.raises(InvalidArgument, match=named):
        OnnxModel(doubling, settings(), inputs, outputs)


def test_a_damaged_or_missing_file_is_refused(doubling: Path) -> None:
    doubling.write_bytes(doubling.read_bytes()[:20])
    with pytest.raises(InvalidArgument, match="cannot be loaded"):
        OnnxModel(doubling, settings(), ["x"], ["y"])
    with pytest.raises(InvalidArgument, match="missing"):
        OnnxModel(doubling.with_name("other.onnx"), settings(), ["x"], ["y"])
