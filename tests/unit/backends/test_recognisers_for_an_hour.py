"""An hour of one session, silence included: memory stays flat, nothing drifts, cost neither.

As turns of a minute, an utterance each, and as one utterance that a client commits after an hour.
Long: an hour of audio of four tiny models, twice; that audio and tokens are forgotten within an
utterance is in each family's own tests.
"""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.backends.moonshine.drive import open_engine as open_moonshine
from tests.unit.backends.transducer import tiny
from tests.unit.backends.transducer.drive import SILENCE, chirp, done
from tests.unit.backends.transducer.drive import open_engine as open_transducer
from triton_backends.shared.contract import ASR_RATE, AsrRequest
from triton_backends.shared.engine import AsrEngine, Hypothesis
from triton_backends.shared.transcripts import recent_words

pytestmark = pytest.mark.long

PERIOD_S, SPOKEN_S, ROUNDS = 64, 20, 56
"""Seconds until the sound repeats (whole chunks of every model), those of speech, how often."""
PUSH = 12 * 320
SAID_IN_AN_HOUR = 10_000
"""Words, by somebody who never pauses."""
REAL_BYTES = 277_000_000
"""Resident, of a process with a Zipformer of 66 M parameters in int8."""


def streaming(folder: Path) -> AsrEngine:
    del folder
    return open_moonshine("streaming", partial_ms=1600)


ENGINES: dict[str, Callable[[Path], AsrEngine]] = {
    "zipformer": lambda folder: open_transducer(tiny.zipformer(folder)),
    "nemo": lambda folder: open_transducer(tiny.nemo(folder)),
    "ctc": lambda folder: open_transducer(tiny.zipformer_ctc(folder)),
    "moonshine": streaming,
}


def resident() -> int:
    """Bytes of this process that are in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def spoken() -> NDArray[np.int16]:
    """One period: sound, then silence."""
    sound: NDArray[np.int16] = np.zeros(PERIOD_S * ASR_RATE, np.int16)
    sound[: SPOKEN_S * ASR_RATE] = np.tile(chirp(4.0), SPOKEN_S // 4)
    return sound


@pytest.mark.parametrize("kind", ENGINES)
def test_an_hour(kind: str, tmp_path: Path) -> None:
    engine = ENGINES[kind](tmp_path)
    sound = spoken()
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


@dataclass(frozen=True, slots=True)
class Hour:
    """What one utterance of an hour came to: by the minute, by the partial, and its final."""

    used: list[int]
    costs: list[float]
    told: list[int]
    """Words that each partial tells."""
    final: Hypothesis


def hour_without_an_end(engine: AsrEngine) -> Hour:
    sound, utterance = spoken(), engine.start(AsrRequest(audio=SILENCE))
    used, costs, told = list[int](), list[float](), list[int]()
    for _ in range(ROUNDS):
        began = time.process_time()
        for at in range(0, sound.size, PUSH):
            if (partial := done(utterance.accept(sound[at : at + PUSH]))) is not None:
                told.append(len(recent_words(partial)))
        costs.append(time.process_time() - began)
        used.append(resident())
    final = done(utterance.finish()) or Hypothesis()
    engine.close()
    return Hour(used, costs, told, final)


def heard_as_in_the_first_minutes(hour: Hour) -> None:
    """A late partial costs and tells as much as an early one; words come at the same moments."""
    final, told = hour.final, hour.told
    assert final.audio_ms == ROUNDS * PERIOD_S * 1000
    assert np.median(hour.costs[-10:]) < 2 * np.median(hour.costs[3:13])
    early, late = told[len(told) // 8 : len(told) // 4], told[-len(told) // 8 :]
    assert 0 < max(late) <= max(early) + 1, "a partial is as long as one of the first minutes"
    assert len(final.words) > 10 * max(late)
    # The same sound is heard at the same moments of each period: nothing drifts.
    period, starts = PERIOD_S * 1000, [word.start_ms for word in final.words]
    heard = [
        {at % period for at in starts if at // period == number}
        for number in (2, ROUNDS // 2, ROUNDS - 2)
    ]
    assert heard[0]
    assert heard[0] == heard[1] == heard[2]


@pytest.mark.parametrize("kind", ["zipformer", "nemo", "ctc"])
def test_an_hour_without_an_end(kind: str, tmp_path: Path) -> None:
    """One utterance: what is kept of it is its text and its words, and a partial tells the last."""
    hour = hour_without_an_end(ENGINES[kind](tmp_path))
    heard_as_in_the_first_minutes(hour)
    # The text and its words are kept; the tiny models say more of them, in a smaller process.
    later = sum(word.start_ms >= 10 * PERIOD_S * 1000 for word in hour.final.words)
    assert (max(hour.used[10:]) - hour.used[9]) / later * SAID_IN_AN_HOUR < 0.05 * REAL_BYTES


def test_an_hour_of_moonshine_without_an_end(tmp_path: Path) -> None:
    """Its windows end by themselves; the tiny one says a long word a minute."""
    hour = hour_without_an_end(ENGINES["moonshine"](tmp_path))
    heard_as_in_the_first_minutes(hour)
    assert max(hour.used[10:]) < 1.05 * hour.used[9]
