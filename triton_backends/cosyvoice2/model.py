"""Triton entry of the `cosyvoice2` family."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from triton_backends.cosyvoice2.engine import CosyVoiceEngine
from triton_backends.cosyvoice2.voicepack import load_engine
from triton_backends.shared.contract import TtsRequest
from triton_backends.shared.errors import Unavailable
from triton_backends.shared.metrics import REFERENCE_HITS, REFERENCE_MISSES
from triton_backends.shared.parameters import Parameters
from triton_backends.shared.tts_backend import TtsBackend


class TritonPythonModel(TtsBackend):
    """See the engine; everything else is shared."""

    def initialize(self, args: dict[str, str]) -> None:
        super().initialize(args)
        self._cosyvoice.references.tell = self._count_reference

    def build_engine(self, parameters: Parameters) -> CosyVoiceEngine:
        try:
            self._cosyvoice = load_engine(parameters, self.model.folder, self.model.gpu)
        except ImportError as error:
            raise Unavailable(
                f"the environment of the models lacks {error.name}; run: vdx setup --cosyvoice"
            ) from error
        return self._cosyvoice

    def calibration_request(self, parameters: Parameters) -> TtsRequest:
        own = self._cosyvoice.calibration_request
        text = parameters.text("calibration_text", own.text)
        return TtsRequest(text, language=own.language, reference_audio=own.reference_audio)

    def _count_reference(self, known: bool) -> None:
        self._metrics.add(REFERENCE_HITS if known else REFERENCE_MISSES)
