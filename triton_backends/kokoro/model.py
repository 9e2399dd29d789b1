"""Triton entry of the `kokoro` family."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from triton_backends.kokoro.engine import KokoroEngine
from triton_backends.kokoro.voicepack import load_engine
from triton_backends.shared.contract import TtsRequest
from triton_backends.shared.parameters import Parameters
from triton_backends.shared.tts_backend import TtsBackend


class TritonPythonModel(TtsBackend):
    """See the engine; everything else is shared."""

    def build_engine(self, parameters: Parameters) -> KokoroEngine:
        self._kokoro = load_engine(parameters, self.model.folder)
        return self._kokoro

    def calibration_request(self, parameters: Parameters) -> TtsRequest:
        own = self._kokoro.calibration_request
        return TtsRequest(parameters.text("calibration_text", own.text), language=own.language)
