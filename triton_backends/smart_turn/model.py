"""Triton entry of the `smart_turn` family."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.child_model import ChildModel, child_stem
from triton_backends.shared.endpointer_backend import EndpointerBackend, warm_up
from triton_backends.shared.parameters import Parameters
from triton_backends.smart_turn.engine import (
    INPUT,
    THREADS,
    SmartTurnEngine,
    graph_config,
    load_engine,
    read_graph,
)

PLACEMENTS = ("inline", "triton")


class ChildGraph:
    """The network in Triton's onnxruntime backend, on the GPU where the child is placed there."""

    def __init__(self, model: bytes, parent: str, threads: int) -> None:
        self._child = ChildModel(child_stem(parent), "graph", model, graph_config(), threads)

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._child.run({INPUT: features})[0]

    def close(self) -> None:
        self._child.close()


class TritonPythonModel(EndpointerBackend):
    """See the engine; everything else is shared."""

    def build_engine(self, parameters: Parameters) -> SmartTurnEngine:
        """With `placement` triton the network is a child, which cannot be tried before this model
        is ready."""
        if parameters.choice("placement", "inline", PLACEMENTS) == "triton":
            threads = parameters.integer("threads", THREADS, low=1, high=64)
            model = read_graph(parameters, self.model.folder)
            return SmartTurnEngine(ChildGraph(model, self.model.name, threads))
        engine = load_engine(parameters, self.model.folder)
        warm_up(engine)
        return engine
