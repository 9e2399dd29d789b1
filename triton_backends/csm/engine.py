"""The `csm` voice: frames in turns, audio from the first one on."""

import secrets
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from triton_backends.csm.adapters import Adapters
from triton_backends.csm.clause_end import Silence, most_frames
from triton_backends.csm.frames import FrameLoop, Sampling
from triton_backends.csm.grouped_queue import GroupedQueue
from triton_backends.csm.mimi import MimiStream
from triton_backends.csm.network import SAMPLE_RATE, Network, Tensor
from triton_backends.csm.prompts import ROLES, prompt, user_beside
from triton_backends.csm.turns import SECONDS, SESSIONS, Conversations, Turn
from triton_backends.shared.contract import TtsRequest
from triton_backends.shared.engine import Chunk
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.nvtx import nvtx_range
from triton_backends.shared.playback_deadline import PlaybackDeadline
from triton_backends.shared.references import KEPT, References
from triton_backends.shared.speech import CALIBRATION_TEXT
from triton_backends.shared.spoken_request import require_usual_speed, spoken_language
from triton_backends.shared.text_pieces import pieces

LANGUAGES = ("en",)
MAX_STREAMS = 16
MOST_CHARACTERS = 300
LARGEST_WINDOW = 4


@dataclass(frozen=True, slots=True)
class CsmOptions:
    """`context_seconds` of what was said before are heard again, of the voice and of the person;
    0: nothing is remembered, and the person is not heard.

    `largest_window`: frames (80 ms) decoded at once; the first window has one. `merged`: adapters
    that have a copy of the weights each.
    """

    sampling: Sampling = field(default_factory=Sampling)
    default_speaker: str = ROLES[0]
    context_seconds: float = SECONDS
    sessions: int = SESSIONS
    most_characters: int = MOST_CHARACTERS
    largest_window: int = LARGEST_WINDOW
    merged: tuple[str, ...] = ()
    max_streams: int = MAX_STREAMS
    kept_references: int = KEPT


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who speaks: a speaker number of the model, or an adapter; `network` may be a merged copy."""

    role: int
    network: Network
    adapter: str = ""
    merged: str = ""


class CsmEngine:
    """One network; any number of threads."""

    sample_rate = SAMPLE_RATE
    languages = LANGUAGES

    def __init__(self, network: Network, options: CsmOptions, adapters: Adapters) -> None:
        self.max_streams = options.max_streams
        self.network = network
        self.adapters = adapters
        self._merged = {name: adapters.merged(name) for name in options.merged}
        self.references = References(network.encode, options.kept_references)
        frames = options.context_seconds * SAMPLE_RATE / network.frame_samples
        self.conversations = Conversations(int(frames), options.sessions)
        self._options = options
        self._queue = GroupedQueue()
        self._speaker(options.default_speaker)

    def synthesize(self, request: TtsRequest) -> Generator[Chunk]:
        """A chunk per window. The empty ones, one per frame, are points to close it at."""
        spoken_language(request.language, LANGUAGES[0], LANGUAGES)
        require_usual_speed(request.speed)
        speaker = self._speaker(request.speaker)
        deadline = PlaybackDeadline(SAMPLE_RATE)
        voice = request.loudness_key
        before = self._reference(request, speaker, deadline)
        fixed = len(before)
        heard = self._heard(request, speaker, deadline)
        before += self.conversations.before(request.session, voice) or heard
        seed = self._options.sampling.seed
        if seed < 0:
            seed = secrets.randbits(32)
        texts = pieces(request.text, lambda part: len(part) <= self._options.most_characters)
        for number, text in enumerate(texts):
            most = most_frames(text, self.network.frame_samples)
            said = SpokenPiece(speaker, text)
            given = prompt(self.network, speaker.role, text, before, fixed, most)
            with closing(self._speak(said, given, most, seed + number, deadline)) as chunks:
                yield from chunks
            before.append(said.turn)
            self.conversations.add(request.session, voice, said.turn)

    def _speak(
        self, said: "SpokenPiece", given: Tensor, most: int, seed: int, deadline: PlaybackDeadline
    ) -> Generator[Chunk]:
        """One piece of a text; each frame, with its window if one is due, waits for its turn."""
        network = said.speaker.network
        loop = FrameLoop(network, given, self._options.sampling, seed, most)
        mimi, silence = MimiStream(network), Silence()
        window: list[Tensor] = []
        size, ended = 1, False
        while not ended:
            pcm: NDArray[np.float32] = np.zeros(0, np.float32)
            with self._slot(deadline, said.speaker.adapter):
                with nvtx_range("csm frame"):
                    frame = next(loop, None)
                ended = frame is None
                if frame is not None:
                    window.append(frame)
                    said.frames.append(frame)
                if window and (ended or len(window) >= size):
                    with nvtx_range("csm mimi"):
                        pcm = mimi.decode(window)
            if pcm.size:
                window, size = [], min(size * 2, self._options.largest_window)
                ended = ended or silence.ended(pcm)
            deadline.add(pcm.size)
            yield Chunk(pcm)

    @contextmanager
    def _slot(self, deadline: PlaybackDeadline, adapter: str) -> Iterator[None]:
        """The network, computing with an adapter, for this thread alone."""
        with self._queue.slot(deadline.until, adapter):
            self.adapters.use(adapter)
            yield

    @property
    def calibration_request(self) -> TtsRequest:
        """What the gain is measured with."""
        return TtsRequest(CALIBRATION_TEXT)

    def close(self) -> None:
        self.network.close()

    def _speaker(self, name: str) -> Speaker:
        wanted = name or self._options.default_speaker
        if wanted in ROLES:
            return Speaker(int(wanted), self.network)
        if wanted in self._merged:
            return Speaker(0, self._merged[wanted], merged=wanted)
        self.adapters.require(wanted)
        return Speaker(0, self.network, wanted)

    def _reference(
        self, request: TtsRequest, speaker: Speaker, deadline: PlaybackDeadline
    ) -> list[Turn]:
        """The recording whose voice is taken, as the first turn of the conversation."""
        audio = request.reference_audio
        if audio is None:
            return []
        text = request.reference_text.strip()
        if not text:
            raise InvalidArgument(
                "REFERENCE_TEXT is missing: this model has to know what REFERENCE_AUDIO says"
            )
        with self._slot(deadline, speaker.adapter), nvtx_range("csm reference"):
            codes = self._codes(audio, speaker)
        return [Turn(speaker.role, text, codes)]

    def _heard(
        self, request: TtsRequest, speaker: Speaker, deadline: PlaybackDeadline
    ) -> list[Turn]:
        """What the person said last, which is remembered with the conversation from now on.

        Its codes are kept there alone, not with those of recordings, which outlive a conversation.
        As a clause of its own, a turn longer than `context_seconds` is not heard.
        """
        audio, text = request.heard_audio, request.heard_text.strip()
        if audio is None and not text:
            return []
        if audio is None or not text:
            lacking = "HEARD_AUDIO" if audio is None else "HEARD_TEXT"
            raise InvalidArgument(f"{lacking} is missing: a turn is heard with its words")
        role = user_beside(speaker.role)
        self.network.text_ids(role, text, "HEARD_TEXT")  # before it is remembered
        if not self.conversations.takes(-(-audio.size // self.network.frame_samples)):
            return []
        with self._slot(deadline, speaker.adapter), nvtx_range("csm heard"):
            turn = Turn(role, text, speaker.network.encode(audio))
        self.conversations.hear(request.session, request.loudness_key, turn)
        return [turn]

    def _codes(self, audio: NDArray[np.int16], speaker: Speaker) -> NDArray[np.int64]:
        """Of a recording, by the codec that the speaker is heard with; kept for each codec."""
        network = speaker.network
        if speaker.merged and network.codec is not self.network.codec:
            return self.references.of(audio, f"merged {speaker.merged}", network.encode)
        return self.references.of(audio, self.adapters.codec_variant)


class SpokenPiece:
    """What one piece of a text becomes."""

    def __init__(self, speaker: Speaker, text: str) -> None:
        self.speaker = speaker
        self.text = text
        self.frames: list[Tensor] = []

    @property
    def turn(self) -> Turn:
        """To be heard by the next piece."""
        codes = np.zeros((0, self.speaker.network.codebooks), np.int64)
        if self.frames:
            codes = np.stack([frame.cpu().numpy() for frame in self.frames])
        return Turn(self.speaker.role, self.text, codes)
