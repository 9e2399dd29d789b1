"""The bot's own echo: what was played, the guard, and LiveKit's canceller."""

import numpy as np
import pytest
import soxr

from tests.unit.speech.rooms import echo_of, scaled
from tests.unit.speech.signals import Signal, frames, recording, room
from vdx.core.config import EchoControlConfig, VadConfig
from vdx.core.events import Pcm, SessionState, SpeechStarted
from vdx.speech.input.echo_control import EchoControl
from vdx.speech.input.playback_reference import PlaybackReference
from vdx.speech.input.vad import SpeechDetector

SPEAKING = SessionState.SPEAKING
START = 1000.0


def speech(seconds: float, rms: float, name: str = "silero_test") -> Signal:
    return scaled(recording(name)[: int(seconds * 16_000)], rms)


def rows(signal: Signal) -> list[Pcm]:
    """As playout sends it: int16 [960] at 48 kHz."""
    loud = np.clip(soxr.resample(signal, 16_000, 48_000), -32768, 32767).astype(np.int16)
    return list(loud[: loud.size // 960 * 960].reshape(-1, 960))


def onsets(heard: Signal, played: Signal, config: EchoControlConfig) -> list[float]:
    """Seconds at which somebody seems to interrupt a reply that plays all the time."""
    control, detector = EchoControl(config), SpeechDetector(VadConfig())
    found = []
    for number, (row, frame) in enumerate(zip(rows(played), frames(heard), strict=False)):
        now = START + number * 0.02
        control.add(row, now)
        clean, reference = control.hear(frame, (number + 1) * 320, now + 0.02)
        events = detector.process(clean, SPEAKING, reference)
        found += [event.at / 16_000 for event in events if isinstance(event, SpeechStarted)]
    return found


GUARD = EchoControlConfig(guard=True)
CANCELLATION = EchoControlConfig(guard=False, cancellation=True)
NOTHING = EchoControlConfig(guard=False)


@pytest.mark.parametrize("delay_ms", [40, 130, 330])
@pytest.mark.parametrize("level_db", [-20, -30])
def test_the_guard_knows_the_bot_from_a_person(level_db: float, delay_ms: float) -> None:
    played = speech(16, 4000)
    heard = echo_of(played, delay_ms, level_db) + room(16_000)
    if level_db == -20:
        assert len(onsets(heard, played, NOTHING)) >= 3
    assert onsets(heard, played, GUARD) == []
    person = scaled(recording("ps_librivox_0880"), 2000)
    begin = 8 * 16_000
    heard[begin : begin + person.size] += person
    first = onsets(heard, played, GUARD)[0]
    assert 8.0 <= first < 9.2, "a person is heard over the echo"


@pytest.mark.parametrize("begin_s", [2, 6])
@pytest.mark.parametrize("name", ["ps_librivox_0880", "ps_librivox_0930", "rhasspy_lamp"])
def test_the_guard_steps_aside_where_there_is_no_echo(name: str, begin_s: int) -> None:
    played = speech(12, 4000)
    heard = room(12_000)
    person = scaled(recording(name), 1500)
    heard[begin_s * 16_000 : begin_s * 16_000 + person.size] += person
    found, unguarded = onsets(heard, played, GUARD), onsets(heard, played, NOTHING)
    assert len(found) == len(unguarded)
    # Once in a session, until 160 ms of loud input have shown that nothing comes back.
    assert 0 <= found[0] - unguarded[0] <= 0.3
    assert found[1:] == unguarded[1:]


def test_cancellation_takes_the_echo_out() -> None:
    played = speech(14, 4000)
    heard = echo_of(played, 120, -10) + room(14_000)
    control = EchoControl(CANCELLATION)
    before, after = [], []
    for number, (row, frame) in enumerate(zip(rows(played), frames(heard), strict=False)):
        control.add(row, START + number * 0.02)
        clean, reference = control.hear(frame, (number + 1) * 320, START + number * 0.02 + 0.02)
        assert reference is None, "the guard is off"
        before.append(np.frombuffer(frame, "<i2").astype(float))
        after.append(np.frombuffer(clean, "<i2").astype(float))
    late = slice(300, None)
    assert np.std(np.concatenate(after[late])) < 0.1 * np.std(np.concatenate(before[late]))
    assert len(onsets(heard, played, NOTHING)) > 3
    assert len(onsets(heard, played, CANCELLATION)) <= 1


def test_cancellation_leaves_a_person_alone_when_nothing_is_played() -> None:
    control = EchoControl(CANCELLATION)
    person = recording("ps_goforward")
    out = [
        np.frombuffer(control.hear(frame, (n + 1) * 320, START + n * 0.02)[0], "<i2")
        for n, frame in enumerate(frames(person))
    ]
    assert np.std(np.concatenate(out)) == pytest.approx(np.std(person), rel=0.15)


@pytest.mark.parametrize("cancellation", [True, False])
def test_steady_noise_is_taken_out_with_or_without_cancellation(cancellation: bool) -> None:
    config = EchoControlConfig(guard=False, cancellation=cancellation, noise_suppression=True)
    control, noise = EchoControl(config), scaled(room(6_000), 600)
    out = [
        np.frombuffer(control.hear(frame, (n + 1) * 320, START + n * 0.02)[0], "<i2")
        for n, frame in enumerate(frames(noise))
    ]
    assert np.std(np.concatenate(out[150:])) < 0.5 * np.std(noise)


def test_hum_is_taken_out_by_the_high_pass_alone() -> None:
    hum = np.sin(np.arange(32_000) * 2 * np.pi * 30 / 16_000) * 4000
    control = EchoControl(EchoControlConfig(guard=False, high_pass=True))
    out = [
        np.frombuffer(control.hear(frame, (n + 1) * 320, START + n * 0.02)[0], "<i2")
        for n, frame in enumerate(frames(hum))
    ]
    assert np.std(np.concatenate(out[50:])) < 0.25 * np.std(hum)


def test_a_quiet_person_becomes_louder_by_the_gain_control() -> None:
    person = scaled(recording("silero_test")[: 8 * 16_000], 150)
    control = EchoControl(EchoControlConfig(guard=False, gain_control=True))
    out = [
        np.frombuffer(control.hear(frame, (n + 1) * 320, START + n * 0.02)[0], "<i2")
        for n, frame in enumerate(frames(person))
    ]
    assert np.std(np.concatenate(out[200:])) > 1.5 * np.std(person[200 * 320 :])


def test_switched_off_it_touches_nothing() -> None:
    control = EchoControl(NOTHING)
    control.add(np.full(960, 900, np.int16), START)
    assert control.hear(b"\1\2" * 320, 320, START) == (b"\1\2" * 320, None)
    control.reconfigure(GUARD)
    assert not control.cancelling
    control.reconfigure(CANCELLATION)
    assert control.cancelling


# --- what was played, and when ------------------------------------------------------------------


def ramp(number: int) -> Pcm:
    """A frame that says which one it is; constant, so that resampling leaves it alone."""
    return np.full(960, 100 * (number + 1), np.int16)


def middle(pcm: Pcm | None) -> int:
    return 0 if pcm is None else int(pcm[160])


def test_the_frame_heard_meets_the_frame_played() -> None:
    played = PlaybackReference()
    for number in range(50):
        played.add(ramp(number), START + number * 0.02)
        assert middle(played.during((number + 1) * 320, START + number * 0.02 + 0.02)) == (
            pytest.approx(100 * (number + 1), abs=2)
        )


def test_input_that_comes_in_bursts_meets_the_same_frames() -> None:
    played = PlaybackReference()
    found = []
    for number in range(100):
        played.add(ramp(number), START + number * 0.02)
        if number % 5 == 4:
            now = START + number * 0.02 + 0.02
            found += [
                middle(played.during((n + 1) * 320, now)) for n in range(number - 4, number + 1)
            ]
    assert found[10:] == pytest.approx([100 * (n + 1) for n in range(10, 100)], abs=2)


def test_a_pause_of_the_bot_is_silence() -> None:
    played = PlaybackReference()
    played.add(ramp(0), START)
    played.add(ramp(1), START + 1.0)
    heard = [middle(played.during((n + 1) * 320, START + n * 0.02 + 0.02)) for n in range(51)]
    assert heard[0] == pytest.approx(100, abs=2)
    assert heard[1:50] == [0] * 49
    assert heard[50] == pytest.approx(200, abs=2)


def test_input_that_was_away_is_compared_with_now() -> None:
    played = PlaybackReference()
    played.add(ramp(0), START)
    assert middle(played.during(320, START + 0.02)) > 0
    back = START + 60.0
    played.add(ramp(4), back)
    assert middle(played.during(640, back + 0.02)) == pytest.approx(500, abs=2)


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_a_short_hole_shifts_nothing(missing: int) -> None:
    """An underrun of a frame or two: what follows is still heard when it is played."""
    played = PlaybackReference()
    for number in range(100):
        now = START + number * 0.02
        silent = number % 10 < missing
        if not silent:
            played.add(ramp(number), now + 0.004 * (number % 2))
        heard = middle(played.during((number + 1) * 320, now + 0.02))
        assert (heard == 0) if silent else (heard > 0), number


def test_old_audio_is_forgotten() -> None:
    played = PlaybackReference()
    assert played.during(320, START) is None
    for number in range(1000):
        played.add(ramp(number % 9), START + number * 0.02)
    assert played.during(320, START) is None
