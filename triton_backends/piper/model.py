"""Triton entry of the `piper` family."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from triton_backends.piper.children import ChildNetworks
from triton_backends.piper.engine import PiperEngine
from triton_backends.piper.voicepack import load_voice
from triton_backends.shared.contract import TtsRequest
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.parameters import Parameters
from triton_backends.shared.tts_backend import TtsBackend

PLACEMENTS = ("inline", "triton")


class TritonPythonModel(TtsBackend):
    """See the engine; everything else is shared."""

    def initialize(self, args: dict[str, str]) -> None:
        """Called by Triton once.

        The gain is measured in this process wherever the networks are to run: Triton takes no
        child requests before it has seen the parent ready, and the audio is the same.
        """
        parameters = Parameters.of(args["model_config"])
        placement = parameters.text("placement", "inline")
        if placement not in PLACEMENTS:
            known = " nor ".join(PLACEMENTS)
            raise InvalidArgument(f"parameter placement: {placement!r} is neither {known}")
        super().initialize(args)
        if placement == "triton":
            threads = parameters.integer("threads", 0)
            self._piper.move(ChildNetworks(self._cut, args["model_name"], threads))
        del self._cut

    def build_engine(self, parameters: Parameters) -> PiperEngine:
        self._piper, self._cut = load_voice(parameters, self.model.folder)
        return self._piper

    def calibration_request(self, parameters: Parameters) -> TtsRequest:
        own = self._piper.calibration_text
        if own and not parameters.text("calibration_text"):
            return TtsRequest(own)
        return super().calibration_request(parameters)
