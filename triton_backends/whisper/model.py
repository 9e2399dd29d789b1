"""Triton entry of the `whisper` family."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from triton_backends.shared.asr_backend import AsrBackend
from triton_backends.shared.parameters import Parameters
from triton_backends.whisper.engine import WhisperEngine


class TritonPythonModel(AsrBackend):
    """See the engine; everything else is shared."""

    def initialize(self, args: dict[str, str]) -> None:
        """Called by Triton once."""
        self._folder = Path(args["model_repository"])
        on_gpu = args.get("model_instance_kind") == "GPU"
        self._gpu = int(args["model_instance_device_id"]) if on_gpu else None
        super().initialize(args)

    def build_engine(self, parameters: Parameters) -> WhisperEngine:
        return WhisperEngine.of(parameters, self._folder, self._gpu)
