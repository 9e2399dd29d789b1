"""Writes a Kokoro voice of random weights, a few kilobytes, for tests.

The network has what the family looks for in a released one: its inputs, durations that are
rounded, symbols repeated by their durations, pitch and energy, and the decoder's two first
convolutions. Each frame's audio depends on its symbol, pitch and energy alone, so that windows
equal the whole.

    python benchmarks/kokoro_voice.py FOLDER
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

SYMBOLS, WIDTH, STYLE, FRAME = 178, 8, 256, 600
STYLES = ("af_first", "bf_second", "jf_third", "zf_fourth")
SILENT = tuple(range(17))
"""The numbers of the edges, of punctuation and of the space."""
ROWS = 510


def make_network() -> "ModelProto":
    """Audio of a sentence: FRAME samples for each frame of each symbol."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(7)
    lengths = rng.integers(2, 6, SYMBOLS).astype(np.float32)
    lengths[0] = 12
    loud = rng.normal(0, 1, (SYMBOLS, WIDTH)).astype(np.float32)
    loud[list(SILENT)] = 0
    wave = rng.normal(0, 0.1, (1, FRAME)).astype(np.float32)
    weights: dict[str, Any] = {
        "lengths": lengths,
        "loud": loud,
        "wave": wave,
        "one_f": np.float32(1),
        "zero": np.int64(0),
        "one": np.int64(1),
        "axis0": np.array([0], np.int64),
        "axis1": np.array([1], np.int64),
        "axis2": np.array([2], np.int64),
        "flat": np.array([-1], np.int64),
        "row": np.array([1, -1], np.int64),
        "half": np.full((1, 1, 2), 0.5, np.float32),
        "style_w": rng.normal(0, 0.01, (STYLE, 1)).astype(np.float32),
    }
    initial = [numpy_helper.from_array(np.asarray(each), name) for name, each in weights.items()]
    make = helper.make_tensor_value_info
    graph = helper.make_graph(
        _nodes(helper.make_node),
        "kokoro",
        [
            make("tokens", TensorProto.INT64, [1, "n"]),
            make("style", TensorProto.FLOAT, [1, STYLE]),
            make("speed", TensorProto.FLOAT, [1]),
        ],
        [make("audio", TensorProto.FLOAT, ["samples"])],
        initial,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def _nodes(node: Any) -> list["NodeProto"]:
    text = [
        node("Gather", ["lengths", "tokens"], ["frames"]),
        node("Div", ["frames", "speed"], ["scaled"]),
        node("Round", ["scaled"], ["rounded"]),
        node("Clip", ["rounded", "one_f"], ["durations"]),
        node("Gather", ["loud", "tokens"], ["known"]),
        node("Transpose", ["known"], ["symbols"], perm=[0, 2, 1]),
        node("MatMul", ["style", "style_w"], ["tone"]),
    ]
    repeated = [
        node("Cast", ["durations"], ["whole"], to=7),
        node("Gather", ["whole", "zero"], ["counts"]),
        node("CumSum", ["counts", "zero"], ["ends"]),
        node("Sub", ["ends", "counts"], ["starts"]),
        node("ReduceSum", ["counts"], ["total"], keepdims=0),
        node("Range", ["zero", "total", "one"], ["at"]),
        node("Unsqueeze", ["at", "axis0"], ["at_row"]),
        node("Unsqueeze", ["ends", "axis1"], ["ends_column"]),
        node("Unsqueeze", ["starts", "axis1"], ["starts_column"]),
        node("Less", ["at_row", "ends_column"], ["early"]),
        node("GreaterOrEqual", ["at_row", "starts_column"], ["late"]),
        node("And", ["early", "late"], ["here"]),
        node("Cast", ["here"], ["alignment"], to=1),
        node("MatMul", ["symbols", "alignment"], ["by_frame"]),
    ]
    melody = [
        node("ReduceMean", ["by_frame"], ["mean"], axes=[1], keepdims=0),
        node("Unsqueeze", ["mean", "axis2"], ["mean_column"]),
        node("Concat", ["mean_column", "mean_column"], ["twice"], axis=2),
        node("Reshape", ["twice", "row"], ["pitch"]),
        node("Add", ["pitch", "tone"], ["energy"]),
    ]
    decoder = [
        node("Unsqueeze", ["pitch", "axis1"], ["pitch_in"]),
        node("Conv", ["pitch_in", "half"], ["low"], name="/decoder/F0_conv/Conv", strides=[2]),
        node("Unsqueeze", ["energy", "axis1"], ["energy_in"]),
        node("Conv", ["energy_in", "half"], ["strong"], name="/decoder/N_conv/Conv", strides=[2]),
        node("ReduceSum", ["by_frame", "axis1"], ["sum"], keepdims=1),
        node("Mul", ["strong", "low"], ["voiced"]),
        node("Mul", ["sum", "voiced"], ["level"]),
        node("Transpose", ["level"], ["levels"], perm=[0, 2, 1]),
        node("MatMul", ["levels", "wave"], ["pieces"]),
        node("Tanh", ["pieces"], ["bounded"]),
        node("Reshape", ["bounded", "flat"], ["audio"]),
    ]
    return [*text, *repeated, *melody, *decoder]


def make_voice(folder: Path, name: str = "kokoro-tiny") -> Path:
    """Writes the network and its styles; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.onnx").write_bytes(make_network().SerializeToString())
    rng = np.random.default_rng(3)
    rows: dict[str, Any] = {
        each: rng.normal(0, 1, (ROWS, 1, STYLE)).astype(np.float32) for each in STYLES
    }
    np.savez(folder / "voices-tiny.npz", **rows)
    return folder


if __name__ == "__main__":
    make_voice(Path(sys.argv[1]))
