"""How far a window of frames must reach beyond what is kept of it to be computed exactly."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto


@dataclass(frozen=True, slots=True)
class Context:
    """`frames` of context on either side; every frame becomes `samples` values."""

    frames: int
    samples: int


def context_of(model: "ModelProto", start: str) -> Context:
    """Follows the convolutions from the tensor `start` ([1, channels, frames]) to the output.

    Each widens the reach by half its dilated kernel, a transposed one raises the rate; all other
    nodes work on each frame alone. The reach so found is an upper bound, so windows are exact.
    """
    weights = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    reach: dict[str, tuple[float, int]] = {start: (0.0, 1)}
    for node in model.graph.node:
        inputs = [reach[name] for name in node.input if name in reach]
        if not inputs:
            continue
        frames, rate = max(inputs)[0], max(each[1] for each in inputs)
        if node.op_type == "Shape":
            continue
        if node.op_type == "Conv":
            frames += _span(node, weights) / 2 / rate
        elif node.op_type == "ConvTranspose":
            stride = int(next(a.ints[0] for a in node.attribute if a.name == "strides"))
            frames += math.ceil((_span(node, weights) + 1) / stride) / rate
            rate *= stride
        for name in node.output:
            reach[name] = (frames, rate)
    frames, rate = reach[model.graph.output[0].name]
    return Context(math.ceil(frames), rate)


def _span(node: "NodeProto", weights: dict[str, tuple[int, ...]]) -> int:
    """From the first to the last input that one output of a convolution depends on."""
    kernel, dilation = weights.get(node.input[1], (1, 1, 1))[-1], 1
    for attribute in node.attribute:
        if attribute.name == "kernel_shape":
            kernel = int(attribute.ints[0])
        if attribute.name == "dilations":
            dilation = int(attribute.ints[0])
    return (kernel - 1) * dilation
