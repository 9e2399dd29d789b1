"""Triton entry of the `speaker_embedding` family."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.parameters import Parameters
from triton_backends.shared.question_backend import QuestionBackend
from triton_backends.speaker_embedding.engine import SpeakerEngine, load_engine


class TritonPythonModel(QuestionBackend):
    """See the engine; everything else is shared."""

    output = "EMBEDDING"
    _engine: SpeakerEngine

    def build_engine(self, parameters: Parameters) -> SpeakerEngine:
        """The engine, tried, and so warm."""
        return load_engine(parameters, self.model.folder, self.model.gpu)

    def answer(self, pcm: NDArray[np.int16]) -> NDArray[np.float32]:
        """[size] float32 of length 1."""
        return self._engine.embedding(pcm)

    def nothing(self) -> NDArray[np.float32]:
        """What a probe is answered with."""
        return np.zeros(self._engine.size, np.float32)
