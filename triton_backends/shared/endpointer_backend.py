"""The Triton side of every endpointer: one request, one answer, computed in its turn.

A person waits for each answer and does without a late one, so no queue is kept here: the frontend
asks only while few answers are outstanding.
"""

import time
from typing import Any, Protocol

import numpy as np
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

from triton_backends.shared.contract import decode_turn
from triton_backends.shared.errors import BackendError
from triton_backends.shared.model_backend import ModelBackend, count_error
from triton_backends.shared.parameters import Parameters
from triton_backends.shared.tensors import failure, is_probe, origin_of, parameters_of, tensors_of

STUCK_MS = 10_000
WARM_UP_SAMPLES = 32_000


class EndpointerEngine(Protocol):
    """Judges turns, one at a time."""

    def probability(self, pcm: NDArray[np.int16], /) -> float: ...

    def close(self) -> None: ...


class EndpointerBackend(ModelBackend):
    """Base of a family's TritonPythonModel; the family says how its engine is built."""

    def build_engine(self, parameters: Parameters) -> EndpointerEngine:
        """The family's engine, made of the model's parameters."""
        raise NotImplementedError

    def initialize(self, args: dict[str, str]) -> None:
        """Called by Triton once: build and warm up."""
        parameters = self._read_arguments(args)
        self._engine = self.build_engine(parameters)
        self._start_reports(parameters, STUCK_MS)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Called by Triton; one response each, in order."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        arrived = time.perf_counter()
        try:
            probe = is_probe(parameters_of(request))
            pcm = decode_turn(tensors_of(request))
            found = 0.0 if probe else self._engine.probability(pcm)
        except Exception as error:  # noqa: BLE001  (root of a request: the client must hear of it)
            return self._fail(self._faults.answer(error, origin_of(request)))
        if not probe:
            self._metrics.observe("vdx_first_chunk_seconds", time.perf_counter() - arrived)
        tensor = pb_utils.Tensor("PROBABILITY", np.array([found], np.float32))
        return pb_utils.InferenceResponse([tensor])

    def _fail(self, error: BackendError) -> Any:
        count_error(self._metrics, error)
        return failure(error)

    def finalize(self) -> None:
        """Called by Triton once the last response is sent."""
        self._engine.close()
        self._metrics.close()


def warm_up(engine: EndpointerEngine) -> None:
    """Judges faint noise, so that the first question is answered as fast as the tenth."""
    noise = np.random.default_rng(0).normal(0, 200, WARM_UP_SAMPLES).astype(np.int16)
    engine.probability(noise)
