"""A sine whose pitch is a hash of the text, so that tests and benches can tell clauses apart."""

import hashlib
import itertools
import os
import time
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.contract import TtsRequest
from triton_backends.shared.engine import Chunk
from triton_backends.shared.errors import Internal, InvalidArgument
from triton_backends.shared.framing import OUTPUT_RATE
from triton_backends.shared.parameters import Parameters
from triton_backends.shared.words import even_words

CHUNK = OUTPUT_RATE // 25  # 40 ms
FADE = OUTPUT_RATE // 200  # 5 ms
AMPLITUDE = 0.25
FAULTS = ("slow", "error", "hang", "exit")
HANG_STEP_S = 0.02
FAULT_AFTER_CHUNKS = 2
SILENT = np.zeros(0, np.float32)


@dataclass(frozen=True)
class ToneOptions:
    """`fault` happens in every request, or in every `fault_every`th; `allow_faults` lets a request
    ask by SPEAKER "fault:NAME".

    Faults: slow (every chunk takes `slow_ms`), error (raised after two chunks), hang (no audio
    after two chunks, until the client cancels), exit (the process ends after two chunks).
    """

    ms_per_char: int = 60
    max_streams: int = 64
    fault: str = ""
    fault_every: int = 1
    allow_faults: bool = False
    slow_ms: int = 100

    @classmethod
    def of(cls, parameters: Parameters) -> "ToneOptions":
        fault = parameters.text("fault")
        if fault and fault not in FAULTS:
            raise InvalidArgument(f"parameter fault: {fault!r} is none of {', '.join(FAULTS)}")
        return cls(
            ms_per_char=parameters.integer("ms_per_char", cls.ms_per_char, low=1, high=1000),
            max_streams=parameters.integer("max_streams", cls.max_streams, low=1, high=1024),
            fault=fault,
            fault_every=parameters.integer("fault_every", cls.fault_every, low=1, high=1000),
            allow_faults=parameters.flag("allow_faults"),
            slow_ms=parameters.integer("slow_ms", cls.slow_ms, low=0, high=60_000),
        )


def pitch_of(text: str) -> float:
    """The frequency in Hz, 200 to 1,000 in steps of 10, that a text is spoken with."""
    digest = hashlib.blake2b(text.encode(), digest_size=4).digest()
    return 200.0 + 10.0 * (int.from_bytes(digest, "big") % 81)


class ToneEngine:
    """48 kHz; `ms_per_char` milliseconds of sound per character, divided by SPEED."""

    sample_rate = OUTPUT_RATE

    def __init__(self, options: ToneOptions) -> None:
        self.options = options
        self.max_streams = options.max_streams
        self._asked = itertools.count(1)

    def synthesize(self, request: TtsRequest) -> Generator[Chunk]:
        """Chunks of 40 ms; each carries the words that begin in it."""
        fault = self._fault_of(request.speaker)
        milliseconds = len(request.text) * self.options.ms_per_char / request.speed
        total = round(milliseconds * OUTPUT_RATE / 1000)
        words = even_words(request.text, milliseconds)
        step = 2 * np.pi * pitch_of(request.text) / OUTPUT_RATE
        for number, start in enumerate(range(0, total, CHUNK)):
            self._inject(fault, number)
            while fault == "hang" and number >= FAULT_AFTER_CHUNKS:
                time.sleep(HANG_STEP_S)
                yield Chunk(SILENT)
            end = min(start + CHUNK, total)
            known = tuple(
                word for word in words if start <= word.start_ms * OUTPUT_RATE // 1000 < end
            )
            yield Chunk(_sine(start, end, total, step), known)

    def close(self) -> None:
        """Nothing to free."""

    def _fault_of(self, speaker: str) -> str:
        if not speaker.startswith("fault:"):
            return "" if next(self._asked) % self.options.fault_every else self.options.fault
        fault = speaker.removeprefix("fault:")
        if not self.options.allow_faults or fault not in FAULTS:
            raise InvalidArgument(f"SPEAKER {speaker!r} is not known to this model")
        return fault

    def _inject(self, fault: str, chunk: int) -> None:
        if fault == "slow":
            time.sleep(self.options.slow_ms / 1000)
        if chunk < FAULT_AFTER_CHUNKS:
            return
        if fault == "error":
            raise Internal("the tone model was told to fail")
        if fault == "exit":
            os._exit(1)


def _sine(start: int, end: int, total: int, step: float) -> NDArray[np.float32]:
    index = np.arange(start, end)
    edge = np.minimum(np.minimum(index, total - 1 - index) / FADE, 1.0)
    wave: NDArray[np.float32] = (AMPLITUDE * edge * np.sin(step * index)).astype(np.float32)
    return wave
