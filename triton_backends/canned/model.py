"""Triton entry of the `canned` family."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from triton_backends.canned.engine import CannedEngine
from triton_backends.shared.asr_backend import AsrBackend
from triton_backends.shared.parameters import Parameters


class TritonPythonModel(AsrBackend):
    """See the engine; everything else is shared."""

    def build_engine(self, parameters: Parameters) -> CannedEngine:
        return CannedEngine.of(parameters)
