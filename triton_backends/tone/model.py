"""Triton entry of the `tone` family."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from triton_backends.shared.parameters import Parameters
from triton_backends.shared.tts_backend import TtsBackend
from triton_backends.tone.engine import ToneEngine, ToneOptions


class TritonPythonModel(TtsBackend):
    """See the engine; everything else is shared."""

    def build_engine(self, parameters: Parameters) -> ToneEngine:
        return ToneEngine(ToneOptions.of(parameters))
