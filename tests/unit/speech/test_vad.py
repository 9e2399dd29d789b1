import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.speech.signals import RATE, click, frames, listen, loud_span, recording, room, vowel
from vdx.core.config import VadConfig, VoiceCheckConfig
from vdx.core.errors import InvalidInput
from vdx.core.events import (
    LevelTooLow,
    SessionState,
    SpeechEnded,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
)
from vdx.speech.input.vad import FRAME_BYTES, SpeechDetector

MS = RATE // 1000
QUIET = ["ps_goforward", "ps_something", "rhasspy_lamp", "ps_cards_002"]
INTERRUPTING = ["ps_librivox_0880", "ps_librivox_0930"]


def kinds(events: list) -> list[type]:
    return [type(event) for _, event in events]


@pytest.mark.parametrize("size", [0, 2, 638, 642, 1920])
def test_refuses_frames_of_another_size(size: int) -> None:
    with pytest.raises(InvalidInput, match=f"not {size}"):
        SpeechDetector(VadConfig()).process(bytes(size), SessionState.IDLE)


def test_one_utterance_from_onset_to_end() -> None:
    detector = SpeechDetector(VadConfig())
    events = listen(detector, room(1000), vowel(500), room(600))
    assert kinds(events) == [SpeechStarted, SpeechPaused, SpeechEnded]
    (started, onset), (_, paused), (ended, end) = events
    assert abs(onset.at - 1000 * MS) <= 20 * MS
    assert started - onset.at == 80 * MS
    assert paused.at == end.at
    assert ended - end.at == 300 * MS
    assert not detector.in_utterance


@pytest.mark.parametrize("offset_ms", range(0, 20, 5))
def test_uh_is_measured_as_long_as_it_is(offset_ms: int) -> None:
    detector = SpeechDetector(VadConfig())
    events = listen(detector, room(1000 + offset_ms), vowel(300), room(600))
    assert kinds(events) == [SpeechStarted, SpeechPaused, SpeechEnded]
    assert 300 * MS <= detector.speech_samples <= 420 * MS


@pytest.mark.parametrize("offset_ms", range(0, 20, 5))
@pytest.mark.parametrize("length_ms", [5, 20, 60])
def test_click_is_no_speech(length_ms: int, offset_ms: int) -> None:
    quiet = room(1000 + offset_ms)
    assert listen(SpeechDetector(VadConfig()), quiet, click(length_ms), room(500)) == []


def test_one_missed_frame_does_not_delay_the_start() -> None:
    broken = vowel(300)
    broken[60 * MS : 80 * MS] = 0.0
    whole = listen(SpeechDetector(VadConfig()), room(1000), vowel(300), room(600))
    events = listen(SpeechDetector(VadConfig()), room(1000), broken, room(600))
    assert events[0][1] == whole[0][1]
    assert events[0][0] <= whole[0][0] + 20 * MS


def test_speech_after_a_short_pause_resumes_the_utterance() -> None:
    detector = SpeechDetector(VadConfig())
    events = listen(detector, room(500), vowel(300), room(200), vowel(300), room(600))
    assert kinds(events) == [SpeechStarted, SpeechPaused, SpeechResumed, SpeechPaused, SpeechEnded]
    assert {event.utterance for _, event in events} == {1}
    assert abs(events[2][1].at - 1000 * MS) <= 40 * MS
    assert detector.speech_samples >= 780 * MS


def test_single_loud_frame_in_the_silence_does_not_prolong_it() -> None:
    flicker = np.concatenate([room(120), vowel(20, rms=400), room(460)])
    events = listen(SpeechDetector(VadConfig()), room(500), vowel(300), flicker)
    plain = listen(SpeechDetector(VadConfig()), room(500), vowel(300), room(600))
    assert events[-1] == plain[-1]


@pytest.mark.parametrize(
    ("state", "utterances"), [(SessionState.BARGED_IN, 1), (SessionState.LISTENING, 3)]
)
def test_speech_over_a_reply_goes_on_in_spite_of_dips(state: SessionState, utterances: int) -> None:
    detector = SpeechDetector(VadConfig(min_silence_duration_ms=100))
    listen(detector, room(500))
    dips = (vowel(200), room(190), vowel(200), room(190), vowel(200), room(500))
    events = listen(detector, *dips, state=state)
    assert kinds(events).count(SpeechEnded) == utterances
    if utterances == 1:
        assert detector.speech_samples >= 960 * MS


@pytest.mark.parametrize("granted_ms", [700, 1200])
def test_a_pause_lasts_as_long_as_it_was_granted(granted_ms: int) -> None:
    detector = SpeechDetector(VadConfig())
    listen(detector, room(500), vowel(300), room(200))
    detector.set_endpoint(granted_ms)
    events = listen(detector, room(granted_ms))
    (decided, ended) = events[-1]
    assert isinstance(ended, SpeechEnded)
    assert decided - ended.at == granted_ms * MS


def test_a_limit_is_for_one_pause_and_may_be_short() -> None:
    detector = SpeechDetector(VadConfig())
    listen(detector, room(500), vowel(300), room(200))
    detector.set_endpoint(1200)
    assert kinds(listen(detector, room(600), vowel(300))) == [SpeechResumed]
    events = listen(detector, room(600))
    assert events[-1][0] - events[-1][1].at == 300 * MS
    listen(detector, vowel(300), room(100))
    detector.set_endpoint(120)
    events = listen(detector, room(600))
    assert events[-1][0] - events[-1][1].at == 120 * MS


def test_a_pause_longer_than_its_new_limit_ends_at_once() -> None:
    detector = SpeechDetector(VadConfig())
    listen(detector, room(500), vowel(300), room(200))
    detector.set_endpoint(120)
    assert kinds(listen(detector, room(20))) == [SpeechEnded]


def test_an_extension_can_be_taken_back() -> None:
    detector = SpeechDetector(VadConfig())
    listen(detector, room(500), vowel(300), room(200))
    detector.set_endpoint(1200)
    assert listen(detector, room(400)) == []
    detector.set_endpoint(0)
    assert kinds(listen(detector, room(20))) == [SpeechEnded]


def test_two_utterances_are_numbered() -> None:
    events = listen(
        SpeechDetector(VadConfig()), room(500), vowel(300), room(500), vowel(300), room(500)
    )
    ended = [event.utterance for _, event in events if isinstance(event, SpeechEnded)]
    assert ended == [1, 2]


def test_configured_durations_are_kept() -> None:
    config = VadConfig(min_speech_duration_ms=200, min_silence_duration_ms=500)
    short = listen(SpeechDetector(config), room(500), vowel(140), room(600))
    assert short == []
    events = listen(SpeechDetector(config), room(500), vowel(400), room(800))
    assert events[0][0] - events[0][1].at >= 200 * MS
    assert events[-1][0] - events[-1][1].at == 500 * MS


def test_shortest_durations_work() -> None:
    config = VadConfig(min_speech_duration_ms=20, min_silence_duration_ms=20)
    events = listen(SpeechDetector(config), room(500), vowel(200), room(200))
    assert kinds(events) == [SpeechStarted, SpeechPaused, SpeechEnded]


def test_speaking_needs_a_louder_voice() -> None:
    """Than while the bot is silent; measured against the person's own, who spoke before."""
    config = VadConfig(voice_check=VoiceCheckConfig(nearness_db=-60))
    before, echo = (room(500), vowel(800), room(600)), vowel(500, rms=300)
    heard = listen(SpeechDetector(config), *before, echo)
    assert kinds(heard)[-1] is SpeechStarted
    detector = SpeechDetector(config)
    listen(detector, *before)
    assert listen(detector, echo, state=SessionState.SPEAKING) == []
    assert detector.statistics.state_gating_ratio > 0.1


def test_reset_forgets_without_an_event() -> None:
    detector = SpeechDetector(VadConfig())
    listen(detector, room(500), vowel(300))
    assert detector.in_utterance
    detector.reset()
    assert listen(detector, room(600)) == []
    assert detector.position == 1400 * MS


def test_reconfigure_in_mid_utterance() -> None:
    detector = SpeechDetector(VadConfig())
    listen(detector, room(500), vowel(300))
    detector.reconfigure(VadConfig(min_silence_duration_ms=600))
    events = listen(detector, room(800))
    assert events[-1][0] - events[-1][1].at == 600 * MS


def test_low_level_is_hinted_once() -> None:
    """Also of the gain: what is 12 dB below an ordinary voice is heard."""
    whisper = np.concatenate([vowel(400, rms=25), room(100, rms=2)] * 20)
    events = listen(SpeechDetector(VadConfig()), room(2200, rms=2), whisper)
    assert kinds(events) == [LevelTooLow]
    hint = events[0][1]
    assert 10 < hint.rms < 50
    assert hint.threshold == 50.0


def test_no_hint_after_a_voice_was_understood() -> None:
    whisper = np.concatenate([vowel(400, rms=90), room(100, rms=5)] * 20)
    events = listen(SpeechDetector(VadConfig()), vowel(600), room(500), whisper)
    assert LevelTooLow not in kinds(events)


def test_no_hint_for_the_echo_of_the_bot_or_a_quiet_room() -> None:
    echo = np.concatenate([vowel(400, rms=25), room(100, rms=5)] * 20)
    assert listen(SpeechDetector(VadConfig()), echo, state=SessionState.SPEAKING) == []
    assert listen(SpeechDetector(VadConfig()), room(20_000)) == []


def test_steady_loud_noise_is_learned() -> None:
    detector = SpeechDetector(VadConfig())
    listen(detector, room(8000, rms=500))
    assert detector.statistics.noise_floor == pytest.approx(500, rel=0.1)
    assert listen(detector, room(4000, rms=500)) == []


@pytest.mark.parametrize("name", QUIET)
def test_end_of_a_recording_is_where_it_falls_silent(name: str) -> None:
    speech = recording(name)
    end = loud_span(speech)[1]
    late = []
    for offset in range(0, 320, 40):
        lead = room(2000 + offset / MS, seed=offset)
        events = listen(SpeechDetector(VadConfig()), lead, speech[:end], room(1000, seed=1))
        assert kinds(events).count(SpeechEnded) == 1
        late.append((events[-1][1].at - len(lead) - end) / MS)
    assert max(late) <= 60
    assert abs(float(np.median(late))) <= 30


@pytest.mark.parametrize("name", INTERRUPTING)
def test_onset_of_an_interruption_is_decided_in_time(name: str) -> None:
    speech = recording(name)
    onset = loud_span(speech)[0]
    for offset in range(0, 320, 40):
        detector = SpeechDetector(VadConfig())
        listen(detector, room(500), speech, room(1500 + offset / MS, seed=offset))
        begins = detector.position
        decided, started = listen(detector, speech, state=SessionState.SPEAKING)[0]
        assert (decided - begins - onset) / MS <= 130
        assert abs(started.at - begins - onset) / MS <= 30


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["room", "vowel", "click"]), st.integers(20, 700)), max_size=8
    ),
    st.sampled_from(SessionState),
)
def test_events_always_come_in_order(parts: list[tuple[str, int]], state: SessionState) -> None:
    make = {"room": room, "vowel": vowel, "click": click}
    detector = SpeechDetector(VadConfig())
    follows: dict[type, set[type]] = {
        SpeechStarted: {SpeechPaused},
        SpeechPaused: {SpeechResumed, SpeechEnded},
        SpeechResumed: {SpeechPaused},
        SpeechEnded: {SpeechStarted},
    }
    expected, last_at = {SpeechStarted}, 0
    for frame in frames(room(20), *(make[kind](ms) for kind, ms in parts), room(1000)):
        assert len(frame) == FRAME_BYTES
        for event in detector.process(frame, state):
            assert type(event) in expected
            assert last_at <= event.at <= detector.position
            expected, last_at = follows[type(event)], event.at
    assert not detector.in_utterance
