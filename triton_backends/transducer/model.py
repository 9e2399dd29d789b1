"""Triton entry of the `transducer` family."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from triton_backends.shared.asr_backend import AsrBackend
from triton_backends.shared.parameters import Parameters
from triton_backends.transducer.engine import TransducerEngine


class TritonPythonModel(AsrBackend):
    """See the engine; everything else is shared."""

    def build_engine(self, parameters: Parameters) -> TransducerEngine:
        return TransducerEngine.of(parameters, self.model.folder, self.model.gpu, self.log_warning)
