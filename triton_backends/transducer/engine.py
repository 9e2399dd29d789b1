"""Streaming transducers as a recogniser.

Each person's stream asks for one step of the encoder at a time. One scheduler computes the steps of
all of them, several in one run where the network allows it; decoder and joiner run in the same
thread right after. No call goes through Triton.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from triton_backends.shared.contract import ASR_RATE, AsrRequest
from triton_backends.shared.hot_word_prompts import HotWordPrompts
from triton_backends.shared.hot_words import Spelling
from triton_backends.shared.language_tags import primary_subtags, require_understood
from triton_backends.shared.network import Device
from triton_backends.shared.parameters import Parameters
from triton_backends.shared.scheduler import Scheduler, ShouldStop
from triton_backends.shared.voicepack_engine import VoicepackEngine
from triton_backends.transducer.encoder import output_ms
from triton_backends.transducer.model_folder import PRECISIONS, Model, Options, open_model
from triton_backends.transducer.search import Frames
from triton_backends.transducer.states import State
from triton_backends.transducer.stream import Step
from triton_backends.transducer.stream_cache import StreamCache
from triton_backends.transducer.transcript import Transcript
from triton_backends.transducer.utterance import TransducerUtterance

FRONT_ENDS = ("nemo", "sherpa")

StepScheduler = Scheduler[Step, tuple[Frames, State]]


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What a model's parameters say. `parallel` steps are computed at once, each by one thread."""

    model: Options = field(default_factory=Options)
    languages: tuple[str, ...] = ()
    """Primary subtags; empty: any."""
    parallel: int = 1
    max_batch: int = 8
    max_utterances: int = 64

    @classmethod
    def of(cls, parameters: Parameters, gpu: int | None = None) -> "EngineOptions":
        """`gpu` is the one that Triton placed the instance on, where it did."""
        device = Device.of(parameters, gpu)
        front_end = parameters.choice("front_end", FRONT_ENDS[0], FRONT_ENDS)
        model = Options(
            device=device,
            precision=parameters.choice("precision", _precision(device.kind), PRECISIONS),
            front_end="sherpa" if front_end == "sherpa" else "nemo",
            paths=parameters.integer("paths", 1, low=1, high=16),
        )
        return cls(
            model,
            languages=primary_subtags(parameters.text("languages")),
            parallel=parameters.integer("parallel", 0, high=64) or device.parallel,
            max_batch=parameters.integer("max_batch", 8, low=1, high=256),
            max_utterances=parameters.integer("max_utterances", 64, low=1, high=1024),
        )


class TransducerEngine(VoicepackEngine[EngineOptions]):
    """Any model of the layouts that `open_model` knows."""

    options_type = EngineOptions
    workers = 0  # the scheduler has threads of its own, and utterances never wait for them

    def __init__(
        self,
        folder: Path,
        options: EngineOptions | None = None,
        tell: Callable[[str], object] = lambda _: None,
    ) -> None:
        options = options or EngineOptions()
        self.model: Model = open_model(folder, options.model)
        self.strict = options.model.front_end == "sherpa"
        self.languages = options.languages
        self.max_utterances = options.max_utterances
        self._prompts = HotWordPrompts(Spelling(self.model.tokens), tell)
        self._stream_cache = StreamCache()
        self.batch_key: Hashable = "encoder" if self.model.encoder.batches else None
        self._warm_up()
        self.scheduler: StepScheduler = Scheduler(
            self._compute, options.parallel, options.max_batch
        )

    def start(self, request: AsrRequest, /) -> TransducerUtterance:
        require_understood(request.language, self.languages)
        words = self._prompts.read(request.prompt)
        if not request.session or request.whole:
            return TransducerUtterance(self, request.language, words)
        key = request.session, request.language, request.prompt
        put = partial(self._stream_cache.put, key)
        return TransducerUtterance(self, request.language, words, self._stream_cache.take(key), put)

    def transcript(self, begin: int = 0) -> Transcript:
        """An empty one of an utterance that begins with this sample of its stream."""
        begin_ms = begin * 1000 // ASR_RATE
        return Transcript(self.model.tokens, output_ms(self.model.encoder), begin_ms)

    def close(self) -> None:
        self.scheduler.close()

    def _compute(
        self, steps: list[Step], _should_stop: ShouldStop = lambda: False
    ) -> list[tuple[Frames, State]]:
        features = np.stack([step.features for step in steps])
        return self.model.encoder.step(features, [step.state for step in steps])

    def _warm_up(self) -> None:
        """One step and one search, so that a network that fails does so when it is loaded."""
        from triton_backends.transducer.audio import Audio
        from triton_backends.transducer.stream import Stream

        audio = Audio()
        noise = np.random.default_rng(0).normal(0, 200, ASR_RATE // 5)
        audio.append(noise.astype(np.int16))
        stream = Stream(self.model, audio)
        [(frames, state)] = self._compute([stream.next_step()])
        stream.take(frames, state)


def _precision(device: str) -> str:
    """int8 is what a CPU is fast with; GPUs run its operators on the CPU."""
    return PRECISIONS[0] if device == "cpu" else PRECISIONS[1]
