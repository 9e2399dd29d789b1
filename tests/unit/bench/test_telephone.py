"""A telephone's 8 kHz are held against 24 kHz, from what the clients of either tell."""

from typing import Any

import pytest

from vdx.bench import telephone, ways
from vdx.bench.reference_transcripts import REFERENCE_TRANSCRIPTS
from vdx.bench.target import Target
from vdx.client.log import ConversationLog
from vdx.core.errors import InvalidInput

TOLD = {"websocket": (300.0, 110.0), "telephone": (310.0, 140.0)}


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The client processes that are run; at 8 kHz one word in eleven recordings is wrong."""
    ran: list[tuple[str, str]] = []

    async def run_client_process(scene: str, plan: dict[str, Any], _step: Any) -> Any:
        way = plan["transport"]
        assert "profile" not in plan  # of a running server no profile is known
        ran.append((scene, way))
        gap, silent = TOLD[way]
        if scene == "turn":
            return [{"clip": "a", "gap_ms": gap}]
        if scene == "bargein":
            return [{"clip": "b", "silent_ms": silent, "came_ms": silent}]
        assert plan.get("rate", 24_000) == (8_000 if way == "telephone" else 24_000)
        texts = [f"{text.capitalize()}." for text in REFERENCE_TRANSCRIPTS.values()]
        return [*texts[:-1], "has never been surprised"] if way == "telephone" else texts

    async def status(_target: Target) -> dict[str, Any]:
        return {"recogniser": "pocketsphinx-en"}

    monkeypatch.setattr(telephone, "run_client_process", run_client_process)
    monkeypatch.setattr(ways, "run_client_process", run_client_process)
    monkeypatch.setattr(Target, "status", status)
    return ran


async def test_8_khz_are_held_against_24_khz_of_the_same_run(ran: list[tuple[str, str]]) -> None:
    report = await telephone.measure(Target("http://box:9000"), 2)
    assert ran == [
        *[(scene, way) for scene in ("turn", "bargein") for way in TOLD] * 2,
        ("telephone", "websocket"),
        ("telephone", "telephone"),
    ]
    found = {figure.name.strip(): figure for figure in report.figures}
    assert found["added to a turn by 8 kHz"].values == [10.0, 10.0]
    assert found["added to a barge-in by 8 kHz"].values == [30.0, 30.0]
    words = sum(len(text.split()) for text in REFERENCE_TRANSCRIPTS.values())
    assert found[f"words heard wrong, {len(REFERENCE_TRANSCRIPTS)} recordings, 24 kHz"].values == [
        0.0
    ]
    assert found["more words wrong at 8 kHz"].values == [round(100 / words, 1)]
    assert report.missed() == ["  added to a barge-in by 8 kHz"]


async def test_a_room_has_no_telephone_codec() -> None:
    with pytest.raises(InvalidInput, match="not in rooms"):
        await telephone.measure(Target("http://box:9000", livekit=True), 1)


def test_a_transcript_that_comes_late_is_waited_for() -> None:
    log = ConversationLog()
    assert telephone.understood(log)
    for kind, over in (
        ("input_audio_buffer.speech_started", False),
        ("input_audio_buffer.speech_stopped", True),
        ("input_audio_buffer.committed", False),
    ):
        log.take({"type": kind}, 0.0)
        assert telephone.understood(log) == over
    done = f"{telephone.TRANSCRIPTION}.completed"
    log.take({"type": done, "item_id": "i", "transcript": "nine"}, 0.0)
    assert telephone.understood(log)
