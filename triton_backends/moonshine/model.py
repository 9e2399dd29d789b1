"""Triton entry of the `moonshine` family."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from triton_backends.moonshine.engine import MoonshineEngine
from triton_backends.shared.asr_backend import AsrBackend
from triton_backends.shared.parameters import Parameters


class TritonPythonModel(AsrBackend):
    """See the engine; everything else is shared."""

    def build_engine(self, parameters: Parameters) -> MoonshineEngine:
        return MoonshineEngine.of(parameters, self.model.folder, self.model.gpu, self.log_warning)
