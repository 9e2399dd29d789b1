"""An hour of one session, silence included: memory stays flat, nothing drifts, cost neither.

Turns of a minute, as a session opens them: an utterance each. Long: an hour of audio of three tiny
models; that audio is forgotten within an utterance is in each family's own tests.
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


@pytest.mark.parametrize("kind", ENGINES)
def test_an_hour(kind: str, tmp_path: Path) -> None:
    engine = ENGINES[kind](tmp_path)
    sound: NDArray[np.int16] = np.zeros(PERIOD_S * ASR_RATE, np.int16)
    sound[: SPOKEN_S * ASR_RATE] = np.tile(chirp(4.0), SPOKEN_S // 4)
    used, costs, finals = list[int](), list[float](), list[Hypothesis]()
    for _ in range(ROUNDS):
        began = time.process_time()
        utterance = engine.start(AsrRequest(audio=sound[:0]))
        for at in range(0, sound.size, PUSH):
            done(utterance.accept(sound[at : at + PUSH]))
        finals.append(done(utterance.finish()) or Hypothesis())
        utterance.close()
        costs.append(time.process_time() - began)
        used.append(resident())
    engine.close()
    assert finals[0].words
    assert finals[0].audio_ms == PERIOD_S * 1000
    assert all(final == finals[0] for final in finals), "the same sound at the same times"
    assert max(used[10:]) < 1.05 * used[9]
    assert np.median(costs[-10:]) < 2 * np.median(costs[3:13])
