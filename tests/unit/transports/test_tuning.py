"""What the vdx part of a session update makes of pauses, thresholds and the responder."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.transports.listening import client
from vdx.core.config import ResponderConfig
from vdx.core.errors import InvalidInput, UnknownName
from vdx.dialog.profiles import SessionOptions
from vdx.transports.realtime.schema import session_update
from vdx.transports.realtime.settings import Settings


def tuned(**vdx: Any) -> Settings:
    """The settings after each key in an update of its own."""
    settings = client().settings
    for key, value in vdx.items():
        settings = settings.merged(session_update({"type": "realtime", "vdx": {key: value}}))
    return settings


def test_the_pause_scale_makes_the_silences_longer_or_shorter() -> None:
    usual = tuned().options
    patient = tuned(pause_scale=1.25).options
    assert patient.endpointing.unfinished_ms == usual.endpointing.unfinished_ms * 1.25
    assert patient.vad.min_silence_duration_ms == usual.vad.min_silence_duration_ms * 1.25
    assert not patient.fixed_silence
    assert tuned(pause_scale=4).options.endpointing.unfinished_ms == 2_000
    hasty = client().settings
    for _ in range(2):  # a factor is on the profile's value, not on the last one
        hasty = hasty.merged(session_update({"type": "realtime", "vdx": {"pause_scale": 0.5}}))
    assert hasty.options.endpointing.finished_ms == usual.endpointing.finished_ms / 2


def test_sensitivity_lowers_the_thresholds_down_to_the_noise() -> None:
    usual = tuned().options.vad.noise_gate
    gate = tuned(sensitivity=2).options.vad.noise_gate
    assert gate.min_threshold == usual.min_threshold / 2
    assert gate.threshold_multiplier == usual.threshold_multiplier / 2
    assert tuned(sensitivity=4).options.vad.noise_gate.threshold_multiplier > 1
    assert tuned(sensitivity=1).options.vad == tuned().options.vad


def test_what_is_tuned_is_told() -> None:
    told = tuned(pause_scale=0.5, sensitivity=2, noise_suppression=True).rendered("s")["vdx"]
    assert (told["pause_scale"], told["sensitivity"], told["noise_suppression"]) == (0.5, 2, True)


def test_how_the_voice_is_to_speak_is_kept_and_told() -> None:
    settings = tuned(voice_instructions="sadly")
    assert settings.options.voice_style == "sadly"
    assert settings.rendered("s")["vdx"]["voice_instructions"] == "sadly"
    assert tuned(voice_instructions="").options.voice_style == ""
    with pytest.raises(InvalidInput, match="150") as refused:
        tuned(voice_instructions="x" * 151)
    assert refused.value.param == "session.vdx.voice_instructions"


def test_a_client_chooses_among_the_responders_of_profiles() -> None:
    other = ResponderConfig(kind="script")

    def profile_of(name: str) -> SessionOptions:
        if name != "demo":
            raise UnknownName(f"there is no profile {name!r}", param="model")
        return client().settings.options.updated(responder=other)

    settings = replace(client().settings, profile_of=profile_of)
    demo = settings.merged(session_update({"type": "realtime", "vdx": {"responder": "demo"}}))
    assert demo.options.responder == other
    assert demo.rendered("s")["vdx"]["responder"] == "demo"
    with pytest.raises(UnknownName, match="nobody") as refusal:
        settings.merged(session_update({"type": "realtime", "vdx": {"responder": "nobody"}}))
    assert refusal.value.param == "vdx.responder"
    with pytest.raises(UnknownName):
        tuned(responder="nobody")
