"""The Triton side of models that are asked about a piece of audio: one request, one answer.

No queue is kept here: the frontend asks only while few answers are outstanding.
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


class Closes(Protocol):
    """An engine, of which this module knows only that it ends."""

    def close(self) -> None: ...


class QuestionBackend(ModelBackend):
    """Base of the TritonPythonModels whose answer is one tensor, named `output`."""

    output = ""

    def build_engine(self, parameters: Parameters) -> Closes:
        """The family's engine, made of the model's parameters."""
        raise NotImplementedError

    def answer(self, pcm: NDArray[np.int16]) -> NDArray[np.float32]:
        """What the engine says of int16 16 kHz mono audio."""
        raise NotImplementedError

    def nothing(self) -> NDArray[np.float32]:
        """The answer to a probe, which asks nothing."""
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
            found = self.nothing() if probe else self.answer(pcm)
        except Exception as error:  # noqa: BLE001  (root of a request: the client must hear of it)
            return self._fail(self._faults.answer(error, origin_of(request)))
        if not probe:
            self._metrics.observe("vdx_first_chunk_seconds", time.perf_counter() - arrived)
        return pb_utils.InferenceResponse([pb_utils.Tensor(self.output, found)])

    def _fail(self, error: BackendError) -> Any:
        count_error(self._metrics, error)
        return failure(error)

    def finalize(self) -> None:
        """Called by Triton once the last response is sent."""
        self._engine.close()
        self._metrics.close()
