"""Times a Moonshine model without a server.

    python -m benchmarks.moonshine_compute FOLDER ROUNDS

Runs in the environment of the models, one thread a step; writes one JSON line a round: milliseconds
of processor time of a partial transcript and of a FLUSH at a pause, and the real-time factor of all
but the FLUSHes. `FOLDER` is a released model, or one of `scripts/make_moonshine_fixtures.py`, whose
random weights write as many tokens as a text may have.
"""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.transducer_compute import PIECE, RATE, pieces

if TYPE_CHECKING:
    from triton_backends.moonshine.engine import MoonshineEngine


def alone(engine: "MoonshineEngine") -> dict[str, float]:
    """One speaker: each partial, and a FLUSH every second."""
    from triton_backends.shared.contract import AsrRequest

    utterance = engine.start(AsrRequest(audio=np.zeros(0, np.int16)))
    partials, flushes, spent_s, audio_s = list[float](), list[float](), 0.0, 0.0
    for place, piece in enumerate(pieces(), 1):
        began = time.process_time()
        told = utterance.accept(piece)
        took = time.process_time() - began
        spent_s, audio_s = spent_s + took, audio_s + PIECE / RATE
        if told is not None:
            partials.append(took)
        if place % 16 == 0:
            began = time.process_time()
            utterance.flush()
            flushes.append(time.process_time() - began)
    return {
        "partial_ms": 1000 * float(np.median(partials)),
        "flush_ms": 1000 * float(np.median(flushes)),
        "longest_flush_ms": 1000 * max(flushes),
        "real_time_factor": spent_s / audio_s,
    }


def main(folder: Path, rounds: int) -> None:
    from triton_backends.moonshine.engine import MoonshineEngine

    engine = MoonshineEngine(folder)
    alone(engine)
    for _ in range(rounds):
        print(json.dumps(alone(engine)), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
