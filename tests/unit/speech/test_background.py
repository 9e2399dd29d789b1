"""Music, and a second person, behind the one who speaks."""

import numpy as np
import pytest

from tests.unit.speech.rooms import organ
from tests.unit.speech.signals import RATE, Signal, listen, room, vowel
from vdx.core.config import VadConfig
from vdx.core.events import SessionState, SpeechEnded, SpeechStarted
from vdx.speech.input.vad import SpeechDetector

MS = RATE // 1000
BEHIND_DB = -22.0


def second_person(ms: float, rms: float) -> Signal:
    word = np.concatenate([vowel(350, rms, pitch_hz=210), np.zeros(100 * MS)])
    return np.resize(word, int(ms) * MS)


@pytest.mark.parametrize("behind", [organ, second_person])
@pytest.mark.parametrize("level_db", [-15, 0])
def test_a_turn_ends_with_the_person_whatever_goes_on_behind(
    behind: type[Signal], level_db: float
) -> None:
    """At every gain of the microphone; the person has spoken before."""
    own = 2000 * 10 ** (level_db / 20)
    noise = 20 * 10 ** (level_db / 20)
    detector = SpeechDetector(VadConfig())
    listen(detector, room(1500, noise), vowel(800, own), room(1000, noise))
    begins = detector.position
    background = behind(4000, own * 10 ** (BEHIND_DB / 20)) + room(4000, noise)
    background[1000 * MS : 2500 * MS] += vowel(1500, own)
    events = listen(detector, background)
    started = [event.at for _, event in events if isinstance(event, SpeechStarted)]
    ended = [event.at for _, event in events if isinstance(event, SpeechEnded)]
    assert len(started) == len(ended) == 1
    assert abs(started[0] - begins - 1000 * MS) <= 60 * MS
    assert abs(ended[0] - begins - 2500 * MS) <= 140 * MS
    assert listen(detector, background[: 900 * MS], state=SessionState.SPEAKING) == []
