"""An hour of one utterance, silence included: memory stays flat, times do not drift, cost too.

Long: an hour of audio of three tiny models; that audio is forgotten is in each family's own tests.
"""

import gc
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.backends.moonshine.drive import open_engine as open_moonshine
from tests.unit.backends.transducer import tiny
from tests.unit.backends.transducer.drive import chirp, done
from tests.unit.backends.transducer.drive import open_engine as open_transducer
from triton_backends.shared.contract import ASR_RATE, AsrRequest
from triton_backends.shared.engine import AsrEngine, Hypothesis

pytestmark = pytest.mark.long

PERIOD_S, SPOKEN_S, ROUNDS = 64, 20, 56
"""Seconds until the sound repeats (whole chunks of every model), those of speech, how often."""
PUSH = 12 * 320


def streaming(folder: Path) -> AsrEngine:
    del folder
    return open_moonshine("streaming", partial_ms=1600)


ENGINES: dict[str, Callable[[Path], AsrEngine]] = {
    "zipformer": lambda folder: open_transducer(tiny.zipformer(folder)),
    "nemo": lambda folder: open_transducer(tiny.nemo(folder)),
    "moonshine": streaming,
}


def resident() -> int:
    """Bytes of this process that are in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def said_in(told: Hypothesis, begin_s: int) -> list[tuple[str, int, int]]:
    """The words of one round, with times from its beginning."""
    begin, end = begin_s * 1000, (begin_s + PERIOD_S) * 1000
    return [
        (word.word, word.start_ms - begin, word.end_ms - begin)
        for word in told.words
        if begin <= word.start_ms < end
    ]


@pytest.mark.parametrize("kind", ENGINES)
def test_an_hour(kind: str, tmp_path: Path) -> None:
    engine = ENGINES[kind](tmp_path)
    sound: NDArray[np.int16] = np.zeros(PERIOD_S * ASR_RATE, np.int16)
    sound[: SPOKEN_S * ASR_RATE] = np.tile(chirp(4.0), SPOKEN_S // 4)
    utterance = engine.start(AsrRequest(audio=sound[:0]))
    used, costs = list[int](), list[float]()
    told = Hypothesis()
    for _ in range(ROUNDS):
        began = time.process_time()
        for at in range(0, sound.size, PUSH):
            told = done(utterance.accept(sound[at : at + PUSH])) or told
        costs.append(time.process_time() - began)
        used.append(resident())
    final = done(utterance.finish())
    engine.close()
    assert final is not None
    assert final.audio_ms == ROUNDS * PERIOD_S * 1000
    assert max(used[10:]) < 1.05 * used[9]
    # Half an hour apart, the same was said at the same times.
    early, late = (said_in(final, place * PERIOD_S) for place in (ROUNDS // 2 - 5, ROUNDS - 5))
    assert len(early) > 3
    assert late == early
    assert np.median(costs[-5:]) < 2 * np.median(costs[3:8])
