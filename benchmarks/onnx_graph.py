"""Builds ONNX networks of random weights, node by node, for tests and measurements."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64, INT32 = TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32
Shape = Sequence[int | str]


class Graph:
    """Collects nodes; every method returns the name of what it adds."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._nodes: list[Any] = []
        self._weights: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self.pending: list[tuple[str, str, Shape, int]] = []
        """Outputs that come after all others."""

    def input(self, name: str, shape: Shape, dtype: int = FLOAT) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def output(self, name: str, source: str, shape: Shape, dtype: int = FLOAT) -> None:
        self._nodes.append(helper.make_node("Identity", [source], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, dtype, shape))

    def constant(self, values: Any, dtype: type[Any] = np.int64) -> str:
        name = f"w{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def random(self, *shape: int, scale: float = 1.0) -> str:
        return self.constant(self._random.normal(0, scale, shape), np.float32)

    def centred(self, rows: int, columns: int, scale: float) -> str:
        """Weights whose columns have mean 0; else one token wins everywhere."""
        weights: NDArray[np.float64] = self._random.normal(0, scale, (rows, columns))
        return self.constant(weights - weights.mean(axis=0), np.float32)

    def slice(self, source: str, begin: int, end: int, axis: int) -> str:
        numbers = [self.constant([number]) for number in (begin, end, axis)]
        return self.node("Slice", source, *numbers)

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"n{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def several(self, count: int, kind: str, *inputs: str, **attributes: Any) -> list[str]:
        """A node with so many outputs."""
        names = [f"n{len(self._nodes)}.{place}" for place in range(count)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names

    def save(self, path: Path, metadata: dict[str, Any] | None = None, opset: int = 13) -> None:
        for pending in self.pending:
            self.output(*pending)
        graph = helper.make_graph(
            self._nodes, path.stem, self._inputs, self._outputs, self._weights
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8
        )
        helper.set_model_props(model, {key: str(value) for key, value in (metadata or {}).items()})
        onnx.save(model, str(path))
