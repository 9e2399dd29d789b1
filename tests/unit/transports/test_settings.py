"""What a client's `turn_detection` makes of the end of a turn."""

from typing import Any

import pytest

from tests.unit.transports.listening import client
from vdx.core.errors import InvalidInput
from vdx.core.voice_choice import VoiceChoice
from vdx.transports.realtime.schema import TurnDetection, session_update
from vdx.transports.realtime.settings import Settings
from vdx.transports.realtime.turn_detection import detecting, merged, usual_of

EXPLICIT = {"silence_duration_ms": 700}


@pytest.mark.parametrize(
    "session",
    [
        {"vdx": {"language": "auto"}},
        {"audio": {"input": {"transcription": {"language": "Auto"}}}},
    ],
    ids=["extension", "transcription"],
)
def test_the_language_may_follow_what_is_heard(session: dict[str, Any]) -> None:
    settings = client().settings.merged(session_update({"type": "realtime"} | session))
    assert settings.options.follows_language
    shown = settings.rendered("sess_1")
    assert shown["vdx"]["language"] == "auto"
    assert shown["audio"]["input"]["transcription"]["language"] == "auto"
    later = settings.merged(session_update({"type": "realtime", "vdx": {"language": "fr"}}))
    assert (later.options.follows_language, later.options.language) == (False, "fr")


@pytest.mark.parametrize(("words", "fits"), [(90, True), (91, False)])
def test_words_to_expect_are_taken_whole_or_refused(words: int, fits: bool) -> None:
    transcription = {"prompt": "a menu", "keywords": ["cappuccin"] * words}
    audio = {"input": {"transcription": transcription}}
    update = session_update({"type": "realtime", "audio": audio})
    if fits:
        prompt = client().settings.merged(update).options.prompt
        assert (prompt[:17], prompt.count(",")) == ("a menu, cappuccin", words)
        return
    with pytest.raises(
        InvalidInput, match="prompt and keywords have 1007 characters; 1000"
    ) as told:
        client().settings.merged(update)
    assert told.value.param == "session.audio.input.transcription"


def after(*detections: dict[str, Any] | None) -> Settings:
    settings = client().settings
    for detection in detections:
        audio = {"input": {"turn_detection": detection}}
        settings = settings.merged(session_update({"type": "realtime", "audio": audio}))
    return settings


@pytest.mark.parametrize(
    "later",
    [
        [],
        [{"create_response": False}],
        [None, {"type": "server_vad"}],
    ],
    ids=["alone", "another key", "switched off and on"],
)
def test_a_silence_that_the_client_names_is_all_that_ends_a_turn(
    later: list[dict[str, Any] | None],
) -> None:
    options = after(EXPLICIT, *later).options
    assert options.fixed_silence
    assert options.vad.min_silence_duration_ms == 700


def test_a_client_that_names_none_leaves_the_decision_to_the_server() -> None:
    assert not after({"type": "server_vad"}).options.fixed_silence


def test_a_client_may_go_back_to_words_and_sound() -> None:
    """By the type whose silences the server decides, as the protocol has it."""
    assert not after(EXPLICIT, {"type": "semantic_vad"}).options.fixed_silence
    assert after({"type": "semantic_vad"} | EXPLICIT).options.fixed_silence


def test_a_partial_detection_keeps_what_it_does_not_name() -> None:
    settings = after({"create_response": False, "interrupt_response": False}, {"threshold": 0.7})
    assert not settings.options.auto_reply
    assert not settings.options.barge_in
    shown = settings.rendered("sess_1")["audio"]["input"]["turn_detection"]
    assert (shown["create_response"], shown["threshold"]) == (False, 0.7)
    settings = after({"threshold": 0.7, "create_response": False}, {"type": "semantic_vad"})
    assert settings.detection is not None
    assert (settings.detection.create_response, settings.detection.threshold) == (False, None)


def test_a_partial_detection_keeps_what_the_server_has_switched_off() -> None:
    options = client().settings.options.updated(barge_in=False)
    detection = usual_of(options)
    assert detection is not None
    assert not detecting(options, options, merged(detection, TurnDetection(threshold=0.7))).barge_in
    assert not merged(detection, TurnDetection(type="semantic_vad")).interrupt_response
    off = options.updated(vad=options.vad.model_copy(update={"enabled": False}))
    assert usual_of(off) is None


def test_what_is_shown_of_the_detection_holds() -> None:
    shown = after().rendered("sess_1")["audio"]["input"]["turn_detection"]
    assert shown == {
        "type": "server_vad",
        "create_response": True,
        "interrupt_response": True,
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 300,
        "idle_timeout_ms": None,
    }
    given = {"prefix_padding_ms": 5000, "idle_timeout_ms": 6000}
    settings = after(given)
    shown = settings.rendered("sess_1")["audio"]["input"]["turn_detection"]
    assert (shown["prefix_padding_ms"], shown["idle_timeout_ms"]) == (1000, 6000)
    assert (settings.options.pre_roll_ms, settings.options.nudge_after_ms) == (1000, 6000)


def test_a_threshold_moves_the_loudness_that_counts_as_speech() -> None:
    usual = after().options.vad
    assert after({"threshold": 0.5}).options.vad == usual
    strict, lax = after({"threshold": 1.0}).options.vad, after({"threshold": 0.0}).options.vad
    ratio = strict.listening_threshold_multiplier / lax.listening_threshold_multiplier
    assert ratio == pytest.approx(10 ** (24 / 20))
    again = after({"threshold": 1.0}, {"threshold": 1.0}).options.vad
    assert again == strict, "it counts from the profile, not from what was there"


def test_eagerness_is_patience() -> None:
    of = {
        eagerness: after({"type": "semantic_vad", "eagerness": eagerness}).options
        for eagerness in ("low", "medium", "high", "auto")
    }
    silences = [of[name].endpointing.unfinished_ms for name in ("low", "medium", "high")]
    assert silences == [4200, 1400, 700]
    assert of["auto"] == of["medium"]
    assert of["low"].vad.min_silence_duration_ms == 900
    back = after({"type": "semantic_vad", "eagerness": "low"}, {"type": "server_vad"}).options
    assert back.endpointing.unfinished_ms == 1400


def test_text_and_the_most_tokens_are_shown_as_they_hold() -> None:
    settings = client().settings
    given = {"type": "realtime", "output_modalities": ["text"], "max_output_tokens": 50}
    shown = settings.merged(session_update(given)).rendered("sess_1")
    assert (shown["output_modalities"], shown["max_output_tokens"]) == (["text"], 50)
    again = {"type": "realtime", "max_output_tokens": "inf"}
    assert settings.merged(session_update(again)).options.max_tokens is None


def test_a_transcription_session_needs_no_voice() -> None:
    settings = client().settings
    assert ("tts" in dict(map(reversed, settings.options.models))) is True
    settings = settings.merged(session_update({"type": "transcription"}))
    assert [kind for _, kind in settings.options.models] == ["asr"]
    assert settings.rendered("sess_1")["type"] == "transcription"


def test_after_a_hand_over_the_numbers_count_from_the_new_profile() -> None:
    settings = client().settings
    assert settings.profile is not None
    vad = settings.profile.vad.model_copy(update={"speaking_threshold_multiplier": 9.0})
    other = settings.profile.updated(profile="other", vad=vad, voice_choice=VoiceChoice("tone"))
    settings.profile_of = {"other": other}.__getitem__
    settings = settings.following(settings.options.updated(profile="other"))
    audio = {"input": {"turn_detection": {"silence_duration_ms": 700}}, "output": {"voice": "ash"}}
    settings = settings.merged(session_update({"type": "realtime", "audio": audio}))
    assert settings.options.vad.speaking_threshold_multiplier == 9.0
    assert settings.options.voice == "tone"
