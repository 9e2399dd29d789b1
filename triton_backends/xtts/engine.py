"""The `xtts` voice: tokens in turns, windows of audio as soon as they are settled."""

import secrets
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from triton_backends.shared.compute_queue import ComputeQueue
from triton_backends.shared.contract import TtsRequest
from triton_backends.shared.engine import Chunk
from triton_backends.shared.nvtx import nvtx_range
from triton_backends.shared.playback_deadline import PlaybackDeadline
from triton_backends.shared.references import KEPT, References, made_up_recording
from triton_backends.shared.speech import CALIBRATION_TEXT
from triton_backends.shared.spoken_request import (
    named_voice,
    require_one_voice,
    spoken_language,
)
from triton_backends.shared.text_pieces import pieces
from triton_backends.xtts.network import SAMPLE_RATE, Conditioning, Network
from triton_backends.xtts.tokens import Sampling, TokenLoop
from triton_backends.xtts.vocoder import FIRST_TOKENS, LARGEST_TOKENS, Windows

MAX_STREAMS = 16
NOTHING = Chunk(np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True)
class XttsOptions:
    """`first_tokens` and `largest_tokens` (46 ms each) are of the first and the largest window."""

    sampling: Sampling = field(default_factory=Sampling)
    default_language: str = "en"
    default_speaker: str = ""
    first_tokens: int = FIRST_TOKENS
    largest_tokens: int = LARGEST_TOKENS
    max_streams: int = MAX_STREAMS
    kept_references: int = KEPT


class XttsEngine:
    """One network with its voices; any number of threads."""

    sample_rate = SAMPLE_RATE

    def __init__(
        self, network: Network, speakers: dict[str, tuple[Any, Any]], options: XttsOptions
    ) -> None:
        self.max_streams = options.max_streams
        self.network = network
        self.languages = network.languages
        self.references = References(network.condition, options.kept_references)
        self._speakers = {name: network.placed(*pair) for name, pair in speakers.items()}
        self._options = options
        self._default = options.default_speaker or min(speakers, default="")
        self._queue = ComputeQueue()

    def synthesize(self, request: TtsRequest) -> Generator[Chunk]:
        """A chunk per window. The empty ones, one per token, are points to close it at."""
        hint = "" if "ja" in self.languages else "; ja needs the library cutlet"
        usual = self._options.default_language
        language = spoken_language(request.language, usual, self.languages, hint)
        deadline = PlaybackDeadline(SAMPLE_RATE)
        with self._queue.slot(deadline.until), nvtx_range("xtts voice"):
            voice = self._voice(request)
        seed = self._options.sampling.seed
        if seed < 0:
            seed = secrets.randbits(32)
        texts = pieces(request.text, lambda part: self._fits(part, language))
        for number, text in enumerate(texts):
            prompt = self.network.prompt(self.network.text_ids(text, language), voice)
            loop = TokenLoop(self.network, prompt, self._options.sampling, seed + number)
            yield from self._speak(loop, voice, request.speed, deadline)

    def _speak(
        self, loop: TokenLoop, voice: Conditioning, speed: float, deadline: PlaybackDeadline
    ) -> Generator[Chunk]:
        """One piece of a text; each token, with its window if one is due, waits for its turn."""
        first, largest = self._options.first_tokens, self._options.largest_tokens
        windows = Windows(self.network, voice, speed, first, largest)
        ended = False
        while not ended:
            pcm = NOTHING.pcm
            with self._queue.slot(deadline.until):
                with nvtx_range("xtts token"):
                    latent = next(loop, None)
                ended = latent is None
                if ended or windows.push(latent):
                    with nvtx_range("xtts window"):
                        pcm = windows.decode(last=ended)
            deadline.add(pcm.size)
            yield Chunk(pcm)

    @property
    def calibration_request(self) -> TtsRequest:
        """What the gain is measured with: a voice of its own, or of a made-up sound."""
        language = self._options.default_language
        reference = None if self._default else made_up_recording()
        return TtsRequest(CALIBRATION_TEXT, language=language, reference_audio=reference)

    def close(self) -> None:
        self._speakers = {}
        self.network.close()

    def _voice(self, request: TtsRequest) -> Conditioning:
        audio = request.reference_audio
        require_one_voice(request.speaker, has_reference=audio is not None)
        if audio is not None:
            return self.references.of(audio)
        return named_voice(self._speakers, request.speaker, self._default)

    def _fits(self, text: str, language: str) -> bool:
        if len(text) > self.network.most_characters(language):
            return False
        # One token is the language's; the library refuses what reaches its limit.
        return len(self.network.text_ids(text, language)) < self.network.most_text_tokens
