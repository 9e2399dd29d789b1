"""Triton entry of the `csm` family."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from triton_backends.csm.engine import CsmEngine
from triton_backends.csm.voicepack import load_engine
from triton_backends.shared.errors import Unavailable
from triton_backends.shared.metrics import REFERENCE_HITS, REFERENCE_MISSES
from triton_backends.shared.parameters import Parameters
from triton_backends.shared.tts_backend import TtsBackend


class TritonPythonModel(TtsBackend):
    """See the engine; everything else is shared."""

    def initialize(self, args: dict[str, str]) -> None:
        super().initialize(args)
        self._csm.references.tell = self._count_reference

    def build_engine(self, parameters: Parameters) -> CsmEngine:
        try:
            self._csm = load_engine(parameters, self.model.folder, self.model.gpu)
        except ImportError as error:
            raise Unavailable(
                f"the environment of the models lacks {error.name}; run: vdx setup --neural"
            ) from error
        return self._csm

    def _count_reference(self, known: bool) -> None:
        self._metrics.add(REFERENCE_HITS if known else REFERENCE_MISSES)
