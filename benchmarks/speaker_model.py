"""Write a speaker network of ONNX that tells voices apart by where their energy moves, for tests.

    .venv-triton/bin/python benchmarks/speaker_model.py tests/data/speakers/wespeaker-spread.onnx

Its input and output are those of WeSpeaker's exports: `feats` FP32 [batch, frames, 80] and `embs`
FP32 [batch, 80]. The vector is the variance of each band over time, less the mean over the bands: a
person's harmonics come and go in bands of their own. It needs no weights, and so nothing trained.
"""

import argparse
from pathlib import Path
from typing import Any

MELS = 80


def network(
    inputs: str = "feats",
    outputs: str = "embs",
    frames: "int | str" = "T",
    mels: int = MELS,
    metadata: "dict[str, str] | None" = None,
) -> Any:
    """The network as an onnx.ModelProto; the arguments let a test write one that does not fit."""
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Mul", [inputs, inputs], ["power"]),
        helper.make_node("ReduceMean", ["power"], ["spread"], axes=[1], keepdims=0),
        helper.make_node("ReduceMean", ["spread"], ["level"], axes=[1], keepdims=1),
        helper.make_node("Sub", ["spread", "level"], [outputs]),
    ]
    given = helper.make_tensor_value_info(inputs, TensorProto.FLOAT, ["B", frames, mels])
    made = helper.make_tensor_value_info(outputs, TensorProto.FLOAT, ["B", mels])
    graph = helper.make_graph(nodes, "speakers", [given], [made])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, metadata or {})
    return model


def write_model(path: Path, **changes: Any) -> None:
    """Writes the network, with what `changes` of it."""
    import onnx

    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(network(**changes), str(path))


def main() -> None:
    """Read the command line and write the network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    write_model(parser.parse_args().path)


if __name__ == "__main__":
    main()
