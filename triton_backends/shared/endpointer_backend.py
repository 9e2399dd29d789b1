"""The Triton side of every endpointer: one request, one answer, computed in its turn.

A person waits for each answer and does without a late one.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.parameters import Parameters
from triton_backends.shared.question_backend import QuestionBackend

WARM_UP_SAMPLES = 32_000


class EndpointerEngine(Protocol):
    """Judges turns, one at a time."""

    def probability(self, pcm: NDArray[np.int16], /) -> float: ...

    def close(self) -> None: ...


class EndpointerBackend(QuestionBackend):
    """Base of a family's TritonPythonModel; the family says how its engine is built."""

    output = "PROBABILITY"
    _engine: EndpointerEngine

    def build_engine(self, parameters: Parameters) -> EndpointerEngine:
        """The family's engine, made of the model's parameters."""
        raise NotImplementedError

    def answer(self, pcm: NDArray[np.int16]) -> NDArray[np.float32]:
        """The probability that the turn is over, [1]."""
        return np.array([self._engine.probability(pcm)], np.float32)

    def nothing(self) -> NDArray[np.float32]:
        """What a probe is answered with."""
        return np.zeros(1, np.float32)


def warm_up(engine: EndpointerEngine) -> None:
    """Judges faint noise, so that the first question is answered as fast as the tenth."""
    noise = np.random.default_rng(0).normal(0, 200, WARM_UP_SAMPLES).astype(np.int16)
    engine.probability(noise)
