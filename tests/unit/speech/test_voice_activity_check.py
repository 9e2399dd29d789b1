"""The voice check on people, and on what webrtcvad takes for people."""

import numpy as np
import pytest
import webrtcvad

from tests.unit.speech.rooms import fan, keys, organ
from tests.unit.speech.signals import Signal, frames, listen, recording, room, vowel
from vdx.core.config import VadConfig, VoiceCheckConfig
from vdx.core.events import SessionState, SpeechEnded, SpeechStarted
from vdx.speech.input.spectrum import Spectrum
from vdx.speech.input.vad import SpeechDetector
from vdx.speech.input.voice_activity_check import VoiceActivityCheck

PEOPLE = ["ps_goforward", "ps_something", "rhasspy_lamp", "ps_librivox_0870", "silero_test"]
SPEAKING = SessionState.SPEAKING
OFF = VadConfig(voice_check=VoiceCheckConfig(enabled=False))


def voiced_share(signal: Signal) -> float:
    """Of the frames that webrtcvad takes for speech."""
    vad, spectrum = webrtcvad.Vad(2), Spectrum()
    check = VoiceActivityCheck(VoiceCheckConfig())
    found = []
    for frame in frames(signal):
        spectrum.push(np.frombuffer(frame, "<i2"))
        if vad.is_speech(frame, 16_000):
            found.append(check.judge(spectrum.power()))
    assert len(found) > 10
    return float(np.mean(found))


@pytest.mark.parametrize("name", PEOPLE)
def test_most_of_speech_has_a_voice(name: str) -> None:
    assert voiced_share(recording(name)) > 0.6


@pytest.mark.parametrize("noise", [fan(5000, 1000), keys(5000, 1000)])
def test_noise_has_none(noise: Signal) -> None:
    assert voiced_share(noise) < 0.1


def moving_share(signal: Signal) -> float:
    """Of the frames after the first half second."""
    spectrum, check = Spectrum(), VoiceActivityCheck(VoiceCheckConfig())
    found = []
    for frame in frames(signal):
        spectrum.push(np.frombuffer(frame, "<i2"))
        check.judge(spectrum.power())
        found.append(check.glides)
    return float(np.mean(found[25:]))


def test_a_chord_stands_still_and_people_move() -> None:
    assert moving_share(organ(2000, 1000)) == 0.0
    assert min(moving_share(recording(name)) for name in PEOPLE[:4]) > 0.95


@pytest.mark.parametrize("noise", [fan(4000, 1200), keys(4000, 1200)])
def test_noise_over_a_reply_is_no_interruption(noise: Signal) -> None:
    quiet = room(1000)
    assert listen(SpeechDetector(OFF), quiet, noise, state=SPEAKING) != []
    assert listen(SpeechDetector(VadConfig()), quiet, noise, state=SPEAKING) == []


def test_a_fan_that_starts_is_learned_and_ends_no_turn_too_late() -> None:
    """Before, it kept every utterance open for ever."""
    noise = fan(6000, 500)
    detector = SpeechDetector(VadConfig())
    heard = listen(detector, noise[:48_000], noise[48_000:64_000] + vowel(1000), noise[64_000:])
    assert [type(event) for _, event in heard][-1] is SpeechEnded
    assert detector.statistics.noise_floor > 300


def test_a_chord_over_a_reply_interrupts_for_a_moment_at_most() -> None:
    detector = SpeechDetector(VadConfig())
    listen(detector, room(1000), organ(4000, 1500), state=SPEAKING)
    assert detector.speech_samples < 600 * 16
    assert not detector.in_utterance


@pytest.mark.parametrize("name", PEOPLE[:4])
def test_the_onset_of_a_person_comes_no_later(name: str) -> None:
    signal = np.concatenate([room(500), recording(name)])
    onsets = []
    for config in (OFF, VadConfig()):
        detector = SpeechDetector(config)
        listen(detector, signal, room(1500))  # so that their level is known
        events = listen(detector, signal, state=SPEAKING)
        onsets.append(next(at for at, event in events if isinstance(event, SpeechStarted)))
    assert onsets[1] - onsets[0] <= 20 * 16


@pytest.mark.parametrize(("db", "interrupts"), [(-16, False), (-4, True)])
def test_somebody_further_away_does_not_interrupt(db: float, interrupts: bool) -> None:
    person = recording("ps_librivox_0930")
    detector = SpeechDetector(VadConfig())
    listen(detector, room(500), person, room(500))
    other = recording("ps_librivox_0880") * 10 ** (db / 20) * 1.5
    heard = listen(detector, room(500), other, state=SPEAKING)
    assert any(isinstance(event, SpeechStarted) for _, event in heard) is interrupts


def test_before_anybody_spoke_every_voice_may_interrupt() -> None:
    other = recording("ps_librivox_0880") * 0.5
    heard = listen(SpeechDetector(VadConfig()), room(500), other, state=SPEAKING)
    assert any(isinstance(event, SpeechStarted) for _, event in heard)
