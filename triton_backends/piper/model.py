"""Triton entry of the `piper` family."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from triton_backends.piper.engine import PiperEngine
from triton_backends.piper.voicepack import load_engine
from triton_backends.shared.parameters import Parameters
from triton_backends.shared.tts_backend import TtsBackend


class TritonPythonModel(TtsBackend):
    """See the engine; everything else is shared."""

    def initialize(self, args: dict[str, str]) -> None:
        """Called by Triton once."""
        self._folder = Path(args["model_repository"])
        super().initialize(args)

    def build_engine(self, parameters: Parameters) -> PiperEngine:
        return load_engine(parameters, self._folder)
