"""One CosyVoice 2, run by its own code; read only but for what it keeps of each request by its id.

Its language model and its vocoder draw from the random numbers of the whole process, and it keeps
what a stream needs on the model. So one request computes at a time, with random numbers of its own.
"""

import io
import os
import threading
import uuid
import wave
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triton_backends.cosyvoice2.loading import load, with_sampling
from triton_backends.cosyvoice2.randomness import Randomness
from triton_backends.shared.contract import REFERENCE_RATE
from triton_backends.shared.errors import Internal, InvalidArgument, Unavailable

MAX_THREADS = 64
MOST_TOKENS_FOR_EACH = 20.0
"""Tokens of sound for one of text, at most; the default of the official code."""

Tensor = Any
"""A torch.Tensor; torch is imported where a model of this family is loaded, and nowhere else."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """`half`: float16 for the language model and the flow, on a GPU."""

    gpu: int | None = None
    half: bool = False
    threads: int = 0


@dataclass(frozen=True, slots=True)
class Voice:
    """Of a recording: its speech tokens [1, n], mel [1, 2n, 80] and speaker embedding [1, 192].

    `text` [1, m] are the tokens of what is said in it, where a voice of the model's has them.
    """

    tokens: Tensor
    mel: Tensor
    speaker: Tensor
    text: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """What the language model is given: text tokens [1, n], those before it, and speech tokens."""

    text: Tensor
    before: Tensor
    heard: Tensor


class Stream:
    """What one text keeps between its pieces, on the model under `key`."""

    def __init__(self) -> None:
        self.key = uuid.uuid4().hex


class Network:
    """All parts; each call blocks and may come from several threads at once."""

    def __init__(self, folder: Path, hardware: Hardware, sampling: dict[str, Any]) -> None:
        # Read when the library of threads is loaded, so it must come before torch.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        if hardware.gpu is None:
            # Their code takes a GPU where it sees one.
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        import torch

        if hardware.gpu is not None and not torch.cuda.is_available():
            raise Unavailable("parameter device: there is no CUDA device; use cpu")
        self._gpu = hardware.gpu
        self._take_gpu()
        cores = len(os.sched_getaffinity(0))
        torch.set_num_threads(hardware.threads or max(1, min(cores // 2, 4)))
        self._half = hardware.half
        self._lock = threading.Lock()
        # Not that of the network: a text is read while another request computes.
        self._reading = threading.Lock()
        self._front_end, self._model = load(folder, half=hardware.half)
        with_sampling(self._model.llm, sampling)
        self.look_ahead: int = self._model.flow.pre_lookahead_len
        self.device = self._model.device
        if hardware.gpu is not None:
            self.device = torch.device("cuda", hardware.gpu)

    @property
    def open_streams(self) -> int:
        """Texts that the model keeps something of."""
        return len(self._model.hift_cache_dict)

    def named_voices(self) -> dict[str, Voice]:
        """The voices that come with the model, by name."""
        return {str(name): _named(told) for name, told in self._front_end.spk2info.items()}

    def pieces(self, text: str) -> list[str]:
        """A text as the official front end reads it: numbers in words, cut at 80 tokens."""
        with self._reading:
            found: list[str] = self._front_end.text_normalize(text, split=True)
        return found

    def text_tokens(self, text: str) -> Tensor:
        """[1, n]; of no text n is 0."""
        import torch

        if not text:
            return torch.zeros(1, 0, dtype=torch.int32, device=self.device)
        self._take_gpu()
        with self._reading:
            return self._front_end._extract_text_token(text)[0]

    def voice_of(self, recording: NDArray[np.int16]) -> Voice:
        """The voice of a recording, int16 mono at 24 kHz, as the official front end takes it."""
        import torch

        end = self._front_end
        self._take_gpu()
        with self._lock, torch.inference_mode():
            mel, _ = end._extract_speech_feat(_file(recording))
            tokens, _ = end._extract_speech_token(_file(recording))
            speaker = end._extract_spk_embedding(_file(recording))
        # Two frames of the mel for each token, exactly.
        count = min(mel.shape[1] // 2, tokens.shape[1])
        return Voice(tokens[:, :count], mel[:, : 2 * count], speaker)

    def tokens(self, ask: Ask, voice: Voice, most_for_each: float) -> Generator[int]:
        """Speech tokens, 25 for a second; `next_token` computes one."""
        import torch

        def length(tokens: Tensor) -> Tensor:
            return torch.tensor([tokens.shape[1]], dtype=torch.int32, device=self.device)

        said: Generator[int] = self._model.llm.inference(
            text=ask.text,
            text_len=length(ask.text),
            prompt_text=ask.before,
            prompt_text_len=length(ask.before),
            prompt_speech_token=ask.heard,
            prompt_speech_token_len=length(ask.heard),
            embedding=voice.speaker,
            max_token_text_ratio=most_for_each,
        )
        return said

    @contextmanager
    def stream(self) -> Iterator[Stream]:
        """A stream of one text; the model forgets it at the end, however that comes."""
        stream = Stream()
        with self._lock:
            self._model.hift_cache_dict[stream.key] = None
        try:
            yield stream
        finally:
            with self._lock:
                self._model.hift_cache_dict.pop(stream.key, None)

    @contextmanager
    def turn(self, randomness: Randomness) -> Iterator[None]:
        """The network for this thread alone, drawing the request's own random numbers."""
        import torch

        self._take_gpu()
        with self._lock, torch.inference_mode(), randomness.turn():
            yield

    def next_token(self, tokens: Generator[int]) -> int | None:
        """The next of `tokens`; computed in `turn`."""
        import torch

        with torch.autocast(self.device.type, dtype=torch.float16, enabled=self._half):
            return next(tokens, None)

    def decode(
        self, stream: Stream, voice: Voice, tokens: list[int], start: int, *, last: bool
    ) -> NDArray[np.float32]:
        """The audio from token `start` on, float32 at 24 kHz; computed in `turn`.

        All `tokens` so far are read again, as the official `token2wav` does.
        """
        import torch

        audio = self._model.token2wav(
            token=torch.tensor([tokens], dtype=torch.int32),
            prompt_token=voice.tokens,
            prompt_feat=voice.mel,
            embedding=voice.speaker,
            token_offset=start,
            uuid=stream.key,
            stream=not last,
            finalize=last,
        )
        pcm: NDArray[np.float32] = audio[0].float().cpu().numpy()
        if not np.all(np.isfinite(pcm)):
            raise Internal("the vocoder gave no numbers")
        return pcm

    def close(self) -> None:
        self._model = self._front_end = None

    def _take_gpu(self) -> None:
        """Their code says "cuda": the GPU that a thread has set, the first where none is set."""
        import torch

        if self._gpu is not None:
            torch.cuda.set_device(self._gpu)


def _named(told: Any) -> Voice:
    """One of `spk2info.pt`: an embedding alone, or with a recording's tokens."""
    import torch

    if not isinstance(told, dict) or not {"embedding", "flow_embedding"} & set(told):
        raise InvalidArgument("spk2info.pt holds something that is no voice")
    return Voice(
        tokens=told.get("flow_prompt_speech_token", torch.zeros(1, 0, dtype=torch.int32)),
        mel=told.get("prompt_speech_feat", torch.zeros(1, 0, 80)),
        speaker=told.get("flow_embedding", told.get("embedding")),
        text=told.get("prompt_text"),
    )


def _file(recording: NDArray[np.int16]) -> io.BytesIO:
    """What the official front end opens as a file; nothing is written anywhere."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(REFERENCE_RATE)
        file.writeframes(recording.tobytes())
    made.seek(0)
    return made
