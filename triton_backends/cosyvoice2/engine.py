"""The `cosyvoice2` voice: tokens in turns, audio by the official code, hop by hop."""

import secrets
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triton_backends.cosyvoice2.hops import FIRST, GROWTH, LARGEST, Hops
from triton_backends.cosyvoice2.loading import SAMPLE_RATE
from triton_backends.cosyvoice2.manner import MARKS, MOST_CHARACTERS, Manner
from triton_backends.cosyvoice2.network import MOST_TOKENS_FOR_EACH, Ask, Network, Voice
from triton_backends.cosyvoice2.randomness import Randomness
from triton_backends.shared.compute_queue import ComputeQueue
from triton_backends.shared.contract import TtsRequest
from triton_backends.shared.engine import Chunk
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.playback_deadline import PlaybackDeadline
from triton_backends.shared.references import KEPT, References, made_up_recording
from triton_backends.shared.speech import CALIBRATION_TEXT
from triton_backends.shared.spoken_request import (
    named_voice,
    require_one_voice,
    require_usual_speed,
    spoken_language,
)

LANGUAGES = ("zh", "en", "ja", "ko", "yue")
MAX_STREAMS = 16
NOTHING: NDArray[np.float32] = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class CosyVoiceOptions:
    """`sampling`: values of the official sampler that are to differ; `seed` -1: one per request.

    The hops are in tokens of 40 ms.
    """

    sampling: dict[str, Any] = field(default_factory=dict)
    seed: int = -1
    default_speaker: str = ""
    first_hop: int = FIRST
    hop_growth: int = GROWTH
    largest_hop: int = LARGEST
    most_for_each: float = MOST_TOKENS_FOR_EACH
    max_streams: int = MAX_STREAMS
    kept_references: int = KEPT


class CosyVoiceEngine:
    """One network with its voices; any number of threads."""

    sample_rate = SAMPLE_RATE
    languages = LANGUAGES

    def __init__(self, network: Network, options: CosyVoiceOptions) -> None:
        self.max_streams = options.max_streams
        self.network = network
        self.references = References(network.voice_of, options.kept_references)
        self._voices = network.named_voices()
        self._default = options.default_speaker or min(self._voices, default="")
        self._options = options
        self._queue = ComputeQueue()
        if self._default and self._default not in self._voices:
            raise InvalidArgument(f"parameter speaker: there is no {self._default!r}")

    def synthesize(self, request: TtsRequest) -> Generator[Chunk]:
        """A chunk per hop. The empty ones, one per token, are points to close it at."""
        manner = self._checked(request)
        deadline = PlaybackDeadline(SAMPLE_RATE)
        with self._queue.slot(deadline.until):
            voice = self._voice(request, manner)
            texts = self.network.pieces(request.text)
        seed = self._options.seed
        if seed < 0:
            seed = secrets.randbits(32)
        for number, text in enumerate(texts):
            ask = self._ask(text, request, manner, voice)
            randomness = Randomness(seed + number, self.network.device)
            with closing(self._speak(ask, voice, randomness, deadline)) as chunks:
                yield from chunks

    def _speak(
        self, ask: Ask, voice: Voice, randomness: Randomness, deadline: PlaybackDeadline
    ) -> Generator[Chunk]:
        """One piece of a text; each token, with its hop if one is due, waits for its turn."""
        network, options = self.network, self._options
        hops = Hops(
            voice.tokens.shape[1],
            options.first_hop,
            options.hop_growth,
            options.largest_hop,
            network.look_ahead,
        )
        said: list[int] = []
        ended = False
        with (
            network.stream() as stream,
            closing(network.tokens(ask, voice, options.most_for_each)) as tokens,
        ):
            while not ended:
                pcm = NOTHING
                with self._queue.slot(deadline.until), network.turn(randomness):
                    token = network.next_token(tokens)
                    ended = token is None
                    if token is not None:
                        said.append(token)
                    if ended and said:
                        pcm = network.decode(stream, voice, said, hops.done, last=True)
                    elif hops.due(len(said)):
                        start, end = hops.take()
                        pcm = network.decode(stream, voice, said[:end], start, last=False)
                deadline.add(pcm.size)
                yield Chunk(pcm)

    @property
    def calibration_request(self) -> TtsRequest:
        """What the gain is measured with: a voice of its own, or of a made-up sound."""
        reference = None if self._default else made_up_recording()
        return TtsRequest(CALIBRATION_TEXT, language="en", reference_audio=reference)

    def close(self) -> None:
        self._voices = {}
        self.network.close()

    def _ask(self, text: str, request: TtsRequest, manner: Manner, voice: Voice) -> Ask:
        """Instruct, zero-shot or cross-lingual, by what there is beside the text."""
        network = self.network
        nothing = network.text_tokens("")
        if manner.prompt:
            return Ask(network.text_tokens(text), network.text_tokens(manner.prompt), nothing)
        if request.reference_audio is None:
            before = voice.text
        else:
            said = request.reference_text.strip()
            before = network.text_tokens(said) if said else None
        if before is None or not before.shape[1]:
            return Ask(network.text_tokens(text), nothing, nothing)
        return Ask(network.text_tokens(text), before, voice.tokens)

    def _voice(self, request: TtsRequest, manner: Manner) -> Voice:
        if request.reference_audio is not None:
            return self.references.of(request.reference_audio)
        return named_voice(self._voices, manner.name, self._default)

    def _checked(self, request: TtsRequest) -> Manner:
        spoken_language(request.language, LANGUAGES[0], LANGUAGES)
        require_usual_speed(request.speed, " while it streams")
        manner = Manner.of(request.speaker)
        require_one_voice(manner.name, has_reference=request.reference_audio is not None)
        if len(manner.style) > MOST_CHARACTERS:
            raise InvalidArgument(
                f"SPEAKER: the style has {len(manner.style)} characters, more than "
                f"{MOST_CHARACTERS}"
            )
        asked = {"TEXT": request.text, "REFERENCE_TEXT": request.reference_text}
        for name, text in (asked | {"SPEAKER": manner.style}).items():
            if any(mark in text for mark in MARKS):
                raise InvalidArgument(
                    f"{name} has {MARKS[0]!r} or {MARKS[1]!r}, marks of the model's own; "
                    "leave them out"
                )
        return manner
