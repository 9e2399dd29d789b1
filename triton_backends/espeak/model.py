"""Triton entry of the `espeak` family."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from triton_backends.espeak.engine import EspeakEngine
from triton_backends.shared.parameters import Parameters
from triton_backends.shared.tts_backend import TtsBackend


class TritonPythonModel(TtsBackend):
    """See the engine; everything else is shared."""

    def build_engine(self, parameters: Parameters) -> EspeakEngine:
        return EspeakEngine(
            parameters.text("default_language", "en-us"),
            parameters.integer("max_streams", 32, low=1, high=1024),
        )
