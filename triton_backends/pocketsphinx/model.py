"""Triton entry of the `pocketsphinx` family."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from triton_backends.pocketsphinx.cmn_store import CmnStore
from triton_backends.pocketsphinx.decoders import PocketsphinxDecoders, Vocabulary
from triton_backends.pocketsphinx.engine import PocketsphinxEngine
from triton_backends.pocketsphinx.pool import DecoderPool
from triton_backends.shared.asr_backend import AsrBackend
from triton_backends.shared.parameters import Parameters


class TritonPythonModel(AsrBackend):
    """See the engine; everything else is shared."""

    def build_engine(self, parameters: Parameters) -> PocketsphinxEngine:
        decoders = PocketsphinxDecoders(
            parameters.integer("max_hmms_per_frame", 3000, low=100),
            Vocabulary.of(parameters, self.model.folder),
            prune=parameters.flag("prune_dictionary", default=True),
        )
        pool = DecoderPool(
            decoders.build,
            size=parameters.integer("max_utterances", 8, low=1, high=256),
            ready=parameters.integer("ready_decoders", 2, low=1, high=256),
        )
        return PocketsphinxEngine(
            pool,
            CmnStore.of_server(
                self.model.name, parameters.integer("remembered_sessions", 1024, low=0)
            ),
            complete_sentences_only=bool(parameters.text("grammar")),
        )
