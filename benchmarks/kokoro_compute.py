"""Times a Kokoro voice without a server, and compares its windows with the whole sentence.

    python benchmarks/kokoro_compute.py FOLDER ROUNDS

Runs in the environment of the models; writes one JSON line a round: seconds to the first sound and
in all, seconds of audio, of the whole sentence in one run too, and how far the spectra of the two
are from each other: the mean distance of log-mel bands in dB, where either is audible.
"""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from triton_backends.kokoro.engine import KokoroEngine

TEXT = "The quick brown fox jumps over the lazy dog, and twelve birds are watching it."
"""About 5 seconds, in a language that needs no extra libraries."""
LANGUAGE = "en-US"
WINDOW, HOP, BANDS = 1024, 256, 40
AUDIBLE_DB = 40.0
"""Below the loudest band; quieter frames are not compared."""


def log_mel(audio: "NDArray[np.float32]", rate: int) -> "NDArray[np.float64]":
    """[frames, BANDS] in dB."""
    pieces = np.lib.stride_tricks.sliding_window_view(audio, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(pieces * np.hanning(WINDOW))) ** 2
    mel = 2595 * np.log10(1 + np.fft.rfftfreq(WINDOW, 1 / rate) / 700)
    edges = np.linspace(2595 * np.log10(1 + 60 / 700), mel[-1], BANDS + 2)
    rising = (mel - edges[:-2, None]) / (edges[1] - edges[0])
    falling = (edges[2:, None] - mel) / (edges[1] - edges[0])
    bands = np.maximum(0, np.minimum(rising, falling))
    found: NDArray[np.float64] = 10 * np.log10(power @ bands.T + 1e-6)
    return found


def distance_db(one: "NDArray[np.float32]", other: "NDArray[np.float32]", rate: int) -> float:
    first, second = log_mel(one, rate), log_mel(other, rate)
    frames = min(len(first), len(second))
    first, second = first[:frames], second[:frames]
    audible = np.maximum(first, second).max(axis=1) > first.max() - AUDIBLE_DB
    return float(np.abs(first - second)[audible].mean())


def whole(engine: "KokoroEngine") -> "NDArray[np.float32]":
    """The sentence in one run of the network, with the durations that the windows have."""
    from triton_backends.kokoro.engine import tokens_of
    from triton_backends.kokoro.spoken import sentences
    from triton_backends.kokoro.windows import trimmed

    (part,) = sentences(engine.front_ends.of(LANGUAGE, "").read(TEXT))
    tokens = tokens_of(part)
    style, _ = engine.styles.find("")
    prepared = engine.prepare(tokens, part, style, 1.0)
    frames = trimmed(prepared.durations, tokens.closing)
    melody = engine.network.melody(prepared, frames)
    return engine.network.speak(prepared, melody, frames, 0)


def round_of(engine: "KokoroEngine") -> dict[str, float]:
    from triton_backends.shared.contract import TtsRequest

    pieces: list[NDArray[np.float32]] = []
    first = 0.0
    began, used = time.perf_counter(), time.process_time()
    for chunk in engine.synthesize(TtsRequest(TEXT, language=LANGUAGE)):
        if chunk.pcm.size:
            first = first or time.perf_counter() - began
            pieces.append(np.asarray(chunk.pcm, np.float32))
    took, cpu = time.perf_counter() - began, time.process_time() - used
    audio = np.concatenate(pieces)
    began = time.perf_counter()
    once = whole(engine)
    return {
        "first_s": first,
        "seconds": took,
        "cpu_s": cpu,
        "audio_s": audio.size / 24_000,
        "whole_s": time.perf_counter() - began,
        "whole_audio_s": once.size / 24_000,
        "distance_db": distance_db(audio, once, engine.sample_rate),
    }


def main(folder: str, rounds: int) -> None:
    from triton_backends.kokoro.voicepack import load_engine
    from triton_backends.shared.contract import TtsRequest
    from triton_backends.shared.parameters import Parameters

    engine = load_engine(Parameters({"voicepack": "."}), Path(folder))
    for _ in engine.synthesize(TtsRequest(TEXT, language=LANGUAGE)):
        pass  # warm-up
    for _ in range(rounds):
        print(json.dumps(round_of(engine)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
