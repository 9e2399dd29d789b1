"""No decision depends on how the microphone is set."""

import numpy as np
import pytest

from tests.unit.speech.signals import RATE, Signal, frames, listen, recording, room, vowel
from vdx.core.config import VadConfig
from vdx.core.events import SessionState, SpeechEnded, SpeechPaused, SpeechStarted
from vdx.speech.input.input_gain import MOST, NOMINAL, QUIETEST, InputGain
from vdx.speech.input.input_level import OwnLevel
from vdx.speech.input.vad import SpeechDetector

MS = RATE // 1000
SPEAKING, LISTENING = SessionState.SPEAKING, SessionState.LISTENING
DB = [-18, -12, -6, 0, 6]


def after(levels: list[float], own: float = 0.0, *, bot_speaks: bool = False) -> InputGain:
    gain = InputGain()
    for level in levels:
        gain.observe(level, own, bot_speaks=bot_speaks)
    return gain


def at(signal: Signal, p90: float) -> Signal:
    """Scaled to a 90th percentile of so much RMS over 20 ms; ordinary speech is at 2,400."""
    levels = np.sqrt(np.mean(signal[: signal.size // 320 * 320].reshape(-1, 320) ** 2, axis=1))
    return signal * p90 / np.percentile(levels, 90)


def test_before_anything_is_heard_nothing_is_amplified() -> None:
    assert after([]).gain == 1.0
    assert after([0.0] * 200).gain == 1.0, "digital silence says nothing"


@pytest.mark.parametrize(("floor", "gain"), [(2.0, 4.0), (45.0, 2.0), (90.0, 1.0), (900.0, 1.0)])
def test_an_unheard_person_is_expected_above_the_noise(floor: float, gain: float) -> None:
    assert after([floor] * 20).gain == pytest.approx(gain, rel=0.01)
    assert NOMINAL / QUIETEST == 4.0


@pytest.mark.parametrize(("own", "gain"), [(225.0, 8.0), (3600.0, 0.5), (20.0, MOST)])
def test_a_person_who_was_heard_is_brought_to_the_nominal_level(own: float, gain: float) -> None:
    assert after([100.0] * 20, own).gain == pytest.approx(gain)


def test_a_small_change_changes_nothing() -> None:
    gain = after([50.0], 1800.0)
    gain.observe(50.0, 1600.0, bot_speaks=False)
    assert gain.gain == 1.0
    gain.observe(50.0, 900.0, bot_speaks=False)
    assert gain.gain == 2.0


def test_the_floor_follows_the_room_but_not_the_bot() -> None:
    assert after([10.0] * 60 + [120.0] * 120).gain < 1.4
    echo = after([30.0] * 60)
    before = echo.gain
    for _ in range(500):
        echo.observe(150.0, 0.0, bot_speaks=True)
    assert echo.gain == before


@pytest.mark.parametrize("name", ["ps_librivox_0870", "ljspeech_0002", "ps_something"])
@pytest.mark.parametrize("state", [LISTENING, SPEAKING])
def test_a_person_is_heard_alike_at_every_gain(name: str, state: SessionState) -> None:
    """Speech and noise of the microphone both scaled; they have spoken before."""
    onsets = []
    for db in DB:
        gain = 10 ** (db / 20)
        speech = at(recording(name), 2400)
        signal = np.concatenate([room(1000, 30), speech + room(speech.size / MS, 30)]) * gain
        detector = SpeechDetector(VadConfig())
        listen(detector, signal, room(1000, 30 * gain))
        begins = detector.position
        events = listen(detector, signal, state=state)
        starts = (event.at for _, event in events if isinstance(event, SpeechStarted))
        onsets.append(next(starts) - begins)
    assert max(onsets) - min(onsets) <= 60 * MS


@pytest.mark.parametrize("p90", [300, 600])
@pytest.mark.parametrize("name", ["ps_librivox_0870", "silero_test", "ljspeech_0002"])
def test_a_quiet_stranger_interrupts(name: str, p90: float) -> None:
    """Over a reply, from its beginning, without a word before; at 300 RMS nobody was let in."""
    speech = at(recording(name), p90)[: 4 * RATE]
    signal = np.concatenate([room(500, 8), speech + room(speech.size / MS, 8)])
    detector = SpeechDetector(VadConfig())
    longest = 0.0
    for frame in frames(signal):
        detector.process(frame, SessionState.BARGED_IN if detector.in_utterance else SPEAKING)
        if detector.in_utterance:
            longest = max(longest, detector.speech_samples / MS)
    assert longest >= 600


@pytest.mark.parametrize("db", [-12, 12])
def test_a_gain_that_changes_in_mid_sentence_ends_no_turn(db: float) -> None:
    """As a browser's own gain control does, with the noise of the room along."""
    speech = vowel(3000, rms=1500) + room(3000, 20)
    speech[1500 * MS :] *= 10 ** (db / 20)
    after_it = room(1000, 20) * 10 ** (db / 20)
    detector = SpeechDetector(VadConfig())
    listen(detector, room(1000, 20), vowel(600, rms=1500), room(1000, 20))
    events = listen(detector, np.clip(speech, -32768, 32767), after_it)
    kinds = [type(event) for _, event in events]
    assert kinds == [SpeechStarted, SpeechPaused, SpeechEnded]
    assert abs(events[-1][1].at - 5600 * MS) <= 100 * MS


def test_a_clipping_microphone_is_heard() -> None:
    speech = np.clip(at(recording("ps_something"), 2400) * 40, -32768, 32767)
    events = listen(SpeechDetector(VadConfig()), room(1000), speech, room(1500))
    kinds = [type(event) for _, event in events]
    assert kinds[0] is SpeechStarted
    assert kinds[-1] is SpeechEnded


@pytest.mark.parametrize("rms", [300, 600])
def test_who_shouted_once_is_heard_again_at_their_usual_level(rms: float) -> None:
    """The threshold had risen with the shout, and no turn could bring it down again."""
    detector = SpeechDetector(VadConfig())
    listen(detector, room(1000, 10), vowel(900, rms=9000), room(1500, 10))
    words = np.concatenate([vowel(500, rms=rms), room(1000, 10)])
    listen(detector, words, words)
    kinds = [type(event) for _, event in listen(detector, words)]
    assert kinds == [SpeechStarted, SpeechPaused, SpeechEnded]


def test_who_spoke_up_may_end_the_next_sentence_softly() -> None:
    loud, softer = recording("ps_cards_001"), recording("ps_goforward")
    detector = SpeechDetector(VadConfig())
    ends = [
        event
        for frame in frames(loud, room(800), softer, room(1_500))
        for event in detector.process(frame, LISTENING)
        if isinstance(event, SpeechEnded)
    ]
    assert len(ends) == 2, "a turn ends where a sentence does, not in the softer part of it"


def test_voices_below_the_threshold_do_not_bring_it_below_the_nominal_one() -> None:
    own = OwnLevel()
    for level in [7200.0] * OwnLevel.ENOUGH:
        own.add(level)
    own.ended()
    for _ in range(OwnLevel.UNHEARD - 1):
        own.unheard(100.0)
    own.ended()
    for _ in range(OwnLevel.UNHEARD - 1):
        own.unheard(100.0)
    assert own.level == 7200.0, "a turn was heard between them"
    own.unheard(100.0)
    assert own.level == NOMINAL
    for _ in range(OwnLevel.UNHEARD):
        own.unheard(5000.0)
    assert own.level == NOMINAL


@pytest.mark.parametrize("db", DB)
def test_somebody_further_away_is_not_brought_up_to_the_person(db: float) -> None:
    """20 dB below the person, who spoke before."""
    gain = 10 ** (db / 20)
    detector = SpeechDetector(VadConfig())
    listen(detector, *(part * gain for part in (room(1500), vowel(1000, rms=2000), room(800))))
    far = np.concatenate([vowel(400, rms=200), room(200, 20)] * 8)
    assert listen(detector, far * gain, state=SPEAKING) == []
