"""What a client's `turn_detection` makes of the end of a turn."""

from typing import Any

import pytest

from tests.unit.transports.listening import client
from vdx.transports.realtime.schema import session_update
from vdx.transports.realtime.settings import Settings

EXPLICIT = {"silence_duration_ms": 700}


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
