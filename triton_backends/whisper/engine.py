"""Whisper as a streaming recogniser.

While somebody speaks, a partial transcript is made about every second. At the pause the whole
utterance is decoded, with the words on which partials agreed given as a prefix: normally the final
transcript is ready when the turn ends. All utterances share one copy of the weights and one
scheduler, which decides alone what is decoded next (shared/decode_queue.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.contract import ASR_RATE, AsrRequest
from triton_backends.shared.decode_queue import Urgency, Work
from triton_backends.shared.parameters import Parameters
from triton_backends.shared.scheduler import Scheduler
from triton_backends.shared.voicepack_engine import VoicepackEngine
from triton_backends.whisper.hallucination_filters import has_no_speech
from triton_backends.whisper.hardware import Hardware
from triton_backends.whisper.likely_words import LikelyWords
from triton_backends.whisper.model_folder import open_model_folder
from triton_backends.whisper.partials import PartialCosts
from triton_backends.whisper.recogniser import Recogniser
from triton_backends.whisper.segments import WindowScheduler, WindowWork
from triton_backends.whisper.utterance import WhisperUtterance
from triton_backends.whisper.windows import TimedWord, Window

SHORT_WINDOWS_S = (10, 15, 20)
"""Windows beside the model's own. Below 10 s Whisper begins to repeat itself."""
MARGIN_S = 2
"""Silence that a shortened window ends with at least (transcribe.cpp pull request 149)."""
SPARE_S = 2
"""Of a full window that is left empty; audio beyond it is cut into segments."""
DEVICES = ("cpu", "cuda")


@dataclass(frozen=True, slots=True)
class WhisperOptions:
    """What a model's parameters say; times in ms.

    `partial_ms` is the audio between two partial transcripts, 0 for none, `first_partial_ms` that
    before the first. `full_window` switches the shortened windows off. `max_batch` bounds what is
    decoded together.
    """

    hardware: Hardware = field(default_factory=Hardware)
    partial_ms: int = 1000
    first_partial_ms: int = 700
    full_window: bool = False
    max_batch: int = 8
    max_utterances: int = 64
    max_tokens_per_second: int = 30

    @classmethod
    def of(cls, parameters: Parameters, gpu: int | None = None) -> "WhisperOptions":
        """`gpu` is the one that Triton placed the instance on, where it did.

        Raises InvalidArgument naming the parameter.
        """
        device = parameters.choice("device", "cpu" if gpu is None else "cuda", DEVICES)
        window = parameters.choice("window", "auto", ("auto", "full"))
        hardware = Hardware(
            device=device,
            device_index=parameters.integer("device_index", gpu or 0, high=63),
            compute_type=parameters.text("compute_type", "auto"),
            threads=parameters.integer("threads", 0, high=64),
            parallel=parameters.integer("parallel", 0, high=64),
        )
        return cls(
            hardware,
            partial_ms=parameters.integer("partial_ms", 1000, high=60_000),
            first_partial_ms=parameters.integer("first_partial_ms", 700, low=200, high=60_000),
            full_window=window == "full",
            max_batch=parameters.integer("max_batch", 8, low=1, high=256),
            max_utterances=parameters.integer("max_utterances", 64, low=1, high=1024),
            max_tokens_per_second=parameters.integer("max_tokens_per_second", 30, low=1, high=100),
        )


class WhisperEngine(VoicepackEngine[WhisperOptions]):
    """Any CTranslate2 Whisper model; LANGUAGE is detected where a request leaves it out."""

    options_type = WhisperOptions
    workers = 0  # the scheduler has threads of its own, and utterances never wait for them

    def __init__(
        self,
        folder: Path,
        options: WhisperOptions | None = None,
        tell: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.options = options = options or WhisperOptions()
        self.max_utterances = options.max_utterances
        model = open_model_folder(folder)
        self.recogniser = Recogniser(model, options.hardware, options.max_tokens_per_second)
        full_s = self.recogniser.full_frames // 100
        self.longest_samples = max(full_s - SPARE_S, full_s * 3 // 4) * ASR_RATE
        """What is decoded at once at most."""
        self._likely_words = LikelyWords(self.recogniser.vocabulary, tell)
        self._warm_up()
        self.partial_costs = PartialCosts()
        self.scheduler: WindowScheduler = Scheduler(
            self.recogniser.transcribe, self.recogniser.parallel, options.max_batch
        )

    def start(self, request: AsrRequest, /) -> WhisperUtterance:
        vocabulary = self.recogniser.vocabulary
        language = vocabulary.language(request.language)
        if request.translate:
            vocabulary.require_translation()
        likely = self._likely_words.read(request.prompt)
        return WhisperUtterance(self, language, likely, translate=request.translate)

    def submit(
        self,
        audio: NDArray[np.int16],
        urgency: Urgency,
        language: str = "",
        prefix: tuple[TimedWord, ...] = (),
        prompt: tuple[int, ...] = (),
        *,
        translate: bool = False,
    ) -> WindowWork:
        """Decode audio as soon as its turn comes.

        `prefix` are words that it begins with, `prompt` tokens of words that are likely in it.
        """
        tokens = tuple(token for word in prefix for token in word.tokens)
        window = Window(
            audio,
            self.window_frames(audio.size),
            language,
            tokens,
            prompt,
            is_even=has_no_speech(audio),
            is_partial=urgency is Urgency.PARTIAL,
            translate=translate,
        )
        work: WindowWork = Work(window, urgency, window.batch_key)
        self.scheduler.submit(work)
        return work

    def close(self) -> None:
        self.scheduler.close()
        self.recogniser.close()

    def window_frames(self, samples: int) -> int:
        """How many frames of 10 ms so many samples are padded to: few, as far as none is lost."""
        full = self.recogniser.full_frames
        if not self.options.full_window:
            for seconds in SHORT_WINDOWS_S:
                if samples <= (seconds - MARGIN_S) * ASR_RATE and seconds * 100 < full:
                    return seconds * 100
        return full

    def _warm_up(self) -> None:
        noise = np.random.default_rng(0).normal(0, 200, ASR_RATE).astype(np.int16)
        language = self.recogniser.vocabulary.languages[:1] or ("en",)
        self.recogniser.warm_up(Window(noise, self.window_frames(noise.size), language[0]))
