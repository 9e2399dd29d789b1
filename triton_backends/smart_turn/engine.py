"""Smart Turn: the probability that the person whose turn is heard is done.

A graph of ONNX (input `input_features` FP32 [batch, 80, 800], output `logits` FP32 [batch, 1], a
probability already) over features that are computed here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.errors import Internal, InvalidArgument
from triton_backends.shared.model_files import regular_file, voicepack_path
from triton_backends.shared.onnx_session import open_session, run
from triton_backends.shared.parameters import Parameters
from triton_backends.smart_turn.features import FRAMES, MELS, TurnFeatures

INPUT, OUTPUT = "input_features", "logits"
LARGEST_BYTES = 512 * 1024 * 1024
THREADS = 1
"""More threads make one question little faster, and take the cores from the recogniser."""

Features = NDArray[np.float32]


class Graph(Protocol):
    """Runs the network over features [1, 80, 800]; blocks."""

    def __call__(self, features: Features) -> NDArray[np.float32]: ...

    def close(self) -> None: ...


class InlineGraph:
    """A session of onnxruntime in this process."""

    def __init__(self, model: bytes, threads: int = THREADS) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session: Any = open_session("the network", model, options)
        _require("input", INPUT, [each.name for each in self._session.get_inputs()])
        _require("output", OUTPUT, [each.name for each in self._session.get_outputs()])

    def __call__(self, features: Features) -> NDArray[np.float32]:
        found: NDArray[np.float32] = run(self._session, {INPUT: features}, [OUTPUT])[0]
        return found

    def close(self) -> None:
        self._session = None


class SmartTurnEngine:
    """Judges one turn at a time."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._features = TurnFeatures()

    def probability(self, pcm: NDArray[np.int16]) -> float:
        """That the turn is over, 0 to 1, of its int16 16 kHz mono audio so far.

        Raises Internal when the network fails or gives no probability.
        """
        found = float(np.ravel(self._graph(self._features(pcm)[None]))[0])
        if not 0.0 <= found <= 1.0:  # also where it is NaN
            raise Internal(f"the network gave {found} as a probability")
        return found

    def close(self) -> None:
        self._graph.close()


def read_graph(parameters: Parameters, folder: Path) -> bytes:
    """The network's file in the voicepack; raises InvalidArgument where there is not just one."""
    place = voicepack_path(parameters, folder, "voicepack")
    names = sorted(path.name for path in place.glob("*.onnx"))
    if len(names) != 1:
        raise InvalidArgument(f"{place} must hold one .onnx file, not {len(names)}")
    return regular_file(place, names[0], LARGEST_BYTES).read_bytes()


def load_engine(parameters: Parameters, folder: Path) -> SmartTurnEngine:
    """The engine with its network in this process, once tried."""
    threads = parameters.integer("threads", THREADS, low=1, high=64)
    engine = SmartTurnEngine(InlineGraph(read_graph(parameters, folder), threads))
    engine.probability(np.zeros(0, np.int16))
    return engine


def graph_config() -> dict[str, Any]:
    """The part of a Triton configuration that says what the network takes and gives."""
    return {
        "max_batch_size": 0,
        "input": [{"name": INPUT, "data_type": "TYPE_FP32", "dims": [-1, MELS, FRAMES]}],
        "output": [{"name": OUTPUT, "data_type": "TYPE_FP32", "dims": [-1, 1]}],
    }


def _require(kind: str, name: str, there: Sequence[str]) -> None:
    if name not in there:
        raise InvalidArgument(f"the network has no {kind} {name!r} but {', '.join(there)}")
