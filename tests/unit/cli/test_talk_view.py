"""What `vdx talk` shows of a conversation."""

import json
from typing import Any

import pytest
from rich.console import Console

from vdx.cli.talk_view import CAPTIONS, LEVEL_CELLS, STATES, JsonView, LiveView
from vdx.core.events import SessionState

HEARD = "conversation.item.input_audio_transcription.completed"
DELTA = "response.output_audio_transcript.delta"


def shown(*events: dict[str, Any]) -> str:
    """The panel after these events, as plain text."""
    view = LiveView("http://127.0.0.1:8080")
    for event in events:
        view.show(event, 0.0)
    console = Console(width=100, color_system=None)
    with console.capture() as capture:
        console.print(view.rendered())
    return capture.get()


def done(status: str) -> dict[str, Any]:
    return {"type": "response.done", "response": {"status": status}}


def test_both_sides_are_captioned() -> None:
    text = shown(
        {"type": "vdx.transcript", "text": "go for"},
        {"type": HEARD, "transcript": "go forward"},
        {"type": DELTA, "delta": "You said: "},
        {"type": DELTA, "delta": "go forward"},
        done("completed"),
        {"type": DELTA, "delta": "Anything else?"},
    )
    lines = [line.strip("│ ").strip() for line in text.splitlines()]
    assert lines[1:4] == ["you  go forward", "vdx  You said: go forward", "vdx  Anything else?"]
    assert "go for …" not in text
    assert "http://127.0.0.1:8080" in text


def test_what_is_being_heard_is_shown_until_it_is_final() -> None:
    assert "go for …" in shown({"type": "vdx.transcript", "text": "go for"})
    nothing = shown(
        {"type": "vdx.transcript", "text": "uh"},
        {"type": HEARD, "transcript": ""},
    )
    assert "uh" not in nothing
    assert "you" not in nothing


def test_an_interruption_is_marked_and_a_whole_reply_is_not() -> None:
    said = {"type": DELTA, "delta": "A long answer"}
    assert "(interrupted)" in shown(said, done("cancelled"))
    assert "(interrupted)" not in shown(said, done("completed"))
    assert "(interrupted)" not in shown(done("cancelled"))


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ({"type": "vdx.state", "state": "speaking", "thinking": False}, "Speaking"),
        ({"type": "vdx.state", "state": "listening", "thinking": True}, "Thinking"),
        ({"type": "vdx.state", "state": "waiting_for_input", "thinking": False}, "Your turn"),
        ({"type": "vdx.state", "state": "barged_in", "thinking": False}, "Interrupted"),
        ({"type": "vdx.hint", "message": "the microphone is too quiet"}, "too quiet"),
        ({"type": "vdx.turn", "speech_end_to_first_audio_ms": 311.7}, "answered after 312 ms"),
        ({"type": "error", "error": {"message": "the voice failed"}}, "the voice failed"),
    ],
)
def test_state_and_notes(event: dict[str, Any], text: str) -> None:
    assert text in shown(event)


def test_every_state_has_words_of_its_own() -> None:
    assert set(STATES) == {*SessionState, "thinking"}
    assert len(set(STATES.values())) == len(STATES)


@pytest.mark.parametrize(("level", "cells"), [(0, 0), (3000, 12), (6000, 24), (30_000, 24)])
def test_the_level_is_a_bar_of_one_length(level: float, cells: int) -> None:
    text = shown({"type": "vdx.vad", "level": level})
    assert (text.count("▮"), text.count("▯")) == (cells, LEVEL_CELLS - cells)


def test_only_the_last_captions_are_kept() -> None:
    text = shown(*({"type": HEARD, "transcript": f"line {n}."} for n in range(CAPTIONS + 5)))
    assert "line 4." not in text
    assert "line 5." in text


def test_text_is_shown_as_it_is_said() -> None:
    assert "[bold]x[/bold]" in shown({"type": HEARD, "transcript": "[bold]x[/bold]"})


def test_a_pipe_ends_with_a_whole_line(capsys: pytest.CaptureFixture[str]) -> None:
    with LiveView("http://127.0.0.1:8080") as view:
        view.show({"type": HEARD, "transcript": "hello"}, 0.0)
    out = capsys.readouterr().out
    assert out.endswith("\n")
    assert out.count("hello") == 1


def test_json_is_one_event_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with JsonView() as view:
        view.show({"type": "x", "text": "grüß\ndich"}, view._began + 1.5)
        view.show({"type": "y"}, view._began + 2)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        {"t_ms": 1500.0, "type": "x", "text": "grüß\ndich"},
        {"t_ms": 2000.0, "type": "y"},
    ]
