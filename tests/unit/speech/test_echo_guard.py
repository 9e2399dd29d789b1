"""The echo guard acts where what was played comes back, and is not taken in by people."""

import numpy as np
import pytest

from tests.unit.speech.rooms import echo_of, scaled
from tests.unit.speech.signals import RATE, Signal, frames, recording, room
from vdx.core.config import VadConfig
from vdx.core.events import SessionState, SpeechStarted
from vdx.speech.input.echo_path import EchoPath, Path
from vdx.speech.input.vad import SpeechDetector

MS = RATE // 1000
BOT = "ljspeech_0008"
PERSON = "ps_librivox_0870"


def looped(name: str, ms: float, rms: float) -> Signal:
    signal = recording(name)
    signal = signal[np.abs(signal).argmax() % 1600 :]
    return scaled(np.tile(signal, 1 + int(ms * MS) // signal.size)[: int(ms * MS)], rms)


def paths(heard: Signal, played: Signal) -> list[Path]:
    """The verdict after each frame, all of them loud."""
    path, found = EchoPath(), []
    for one, other in zip(frames(heard), frames(played), strict=True):
        path.push(np.frombuffer(one, "<i2"), np.frombuffer(other, "<i2"))
        path.look(unexplained=True)
        found.append(path.path)
    return found


@pytest.mark.parametrize("delay_ms", [0, 60, 250, 500])
@pytest.mark.parametrize("level_db", [-10, -25])
def test_an_echo_is_found_with_its_delay(delay_ms: float, level_db: float) -> None:
    played = looped(BOT, 4000, 4000)
    heard = echo_of(played, delay_ms, level_db) + room(4000, 25)
    path = EchoPath()
    for one, other in zip(frames(heard), frames(played), strict=True):
        path.push(np.frombuffer(one, "<i2"), np.frombuffer(other, "<i2"))
        path.look(unexplained=True)
    assert path.path is Path.PRESENT
    assert abs(path.delay * 20 - delay_ms) <= 20
    assert abs(path.coupling_db - level_db) < 10


@pytest.mark.parametrize("rms", [300, 2000, 6000])
def test_a_person_over_the_bot_is_no_echo_however_loud(rms: float) -> None:
    played = looped(BOT, 8000, 4000)
    verdicts = paths(looped(PERSON, 8000, rms) + room(8000, 8), played)
    assert Path.PRESENT not in verdicts
    assert verdicts[-1] is Path.ABSENT


@pytest.mark.parametrize("person", ["ps_goforward", PERSON, "ps_cards_001", "ps_cards_002"])
@pytest.mark.parametrize("hz", [180, 220, 330])
def test_a_person_over_a_tone_is_no_echo(hz: float, person: str) -> None:
    """A tone is the same at any delay, so that any voice resembles it at some."""
    played = 5000 * np.sin(2 * np.pi * hz * np.arange(8000 * MS) / RATE)
    verdicts = paths(looped(person, 8000, 2000) + room(8000, 8), played)
    assert Path.PRESENT not in verdicts
    assert verdicts[-1] is Path.ABSENT


def test_an_echo_that_is_over_is_forgotten() -> None:
    played = looped(BOT, 8000, 4000)
    heard = echo_of(played, 100, -15) + room(8000, 25)
    heard[4000 * MS :] = looped(PERSON, 4000, 1000)
    verdicts = paths(heard, played)
    assert verdicts[190] is Path.PRESENT
    assert verdicts[-1] is Path.ABSENT


def hear(near: Signal, played: Signal, echo: Signal) -> tuple[list[int], SpeechDetector]:
    """Where speech started over the reply, in ms; the reply is never paused."""
    detector, found = SpeechDetector(VadConfig()), []
    for one, other in zip(frames(near + echo), frames(played), strict=True):
        events = detector.process(one, SessionState.SPEAKING, np.frombuffer(other, "<i2"))
        found += [event.at // MS for event in events if isinstance(event, SpeechStarted)]
    return found, detector


@pytest.mark.parametrize("rms", [150, 600, 2000])
def test_a_person_who_hears_the_bot_by_headphones_interrupts(rms: float) -> None:
    """Talks from the very beginning of the reply; levels alone took them for its echo."""
    played = looped(BOT, 3000, 4000)
    near = looped("ljspeech_0002", 3000, rms) + room(3000, 8)
    started, _ = hear(near, played, np.zeros_like(near))
    assert started
    assert started[0] <= 700


@pytest.mark.parametrize("level_db", [-20, -30])
def test_an_echo_alone_interrupts_nothing(level_db: float) -> None:
    played = looped(BOT, 6000, 4000)
    started, _ = hear(room(6000, 25), played, echo_of(played, 120, level_db))
    assert started == []


def test_nothing_is_learned_from_a_person_over_the_bot() -> None:
    played = looped(BOT, 8000, 4000)
    echo = echo_of(played, 120, -25)
    near = room(8000, 25)
    _, alone = hear(near, played, echo)
    near[3000 * MS :] += looped(PERSON, 5000, 3000)
    started, both = hear(near, played, echo)
    assert started
    assert both._guard.coupling_db <= alone._guard.coupling_db + 6
