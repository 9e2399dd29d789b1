import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import typer
from rich.console import Console

from tests.unit.client.fake_server import FakeServer, serving
from tests.wait_limit import WAIT_LIMIT_S
from vdx.bench.target import DATA
from vdx.cli.talk import TalkOptions, _talk
from vdx.cli.talk_view import LiveView
from vdx.client import microphone
from vdx.client.listener import Listener
from vdx.client.microphone import BLOCK, SoundCard, playback_handler
from vdx.core.errors import UnknownName


def options(url: str, **changes: Any) -> TalkOptions:
    given: dict[str, Any] = {
        "url": url,
        "api_key": "",
        "profile": "",
        "voice": "",
        "recordings": (DATA / "uh.wav",),
        "out": None,
        "as_json": True,
        "timeout_s": 5.0,
    }
    return TalkOptions(**{**given, **changes})


async def test_a_recording_gives_events_a_summary_and_the_audio_heard(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "heard.wav"
    async with serving(FakeServer(answer_after=40)) as url:
        assert await _talk(options(url, out=out)) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all("t_ms" in line for line in lines[:-1])
    assert {"session.updated", "response.done"} <= {line["type"] for line in lines[:-1]}
    assert lines[-1]["said"] == ["You said: hello"]
    heard, rate = soundfile.read(out, dtype="int16")
    assert rate == 24_000
    assert int(np.abs(heard).max()) == 3000


async def test_no_answer_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(FakeServer(answers=0)) as url:
        assert await _talk(options(url, timeout_s=0.1)) == 1
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["said"] == []


async def test_a_missing_recording_is_named_before_anything_is_connected() -> None:
    with pytest.raises(UnknownName, match=r"nowhere\.wav"):
        await _talk(options("http://127.0.0.1:1", recordings=(Path("nowhere.wav"),)))


def test_the_command_says_when_there_was_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    from vdx.cli import talk as module

    async def unanswered(_options: TalkOptions) -> int:
        return 2

    monkeypatch.setattr(module, "_talk", unanswered)
    with pytest.raises(typer.Exit):
        module.talk(wav=[DATA / "uh.wav"], timeout=1.0)


def test_captions_state_level_and_notes_are_shown() -> None:
    view = LiveView("http://here")
    said = "conversation.item.input_audio_transcription.completed"
    spoken = "response.output_audio_transcript.delta"
    for event in (
        {"type": "vdx.state", "state": "speaking", "thinking": False},
        {"type": "vdx.vad", "level": 3000.0},
        {"type": said, "transcript": "tell me more"},
        {"type": spoken, "delta": "Once "},
        {"type": spoken, "delta": "upon a time"},
        {"type": "response.done", "response": {"status": "cancelled"}},
        {"type": "vdx.transcript", "text": "wait", "stable": 4},
        {"type": "vdx.turn", "speech_end_to_first_audio_ms": 305.4, "stages": {}},
    ):
        view.show(event, 0.0)
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(view.rendered())
    shown = console.export_text()
    for text in ("tell me more", "Once upon a time", "(interrupted)", "wait …", "Speaking"):
        assert text in shown
    assert "answered after 305 ms" in shown
    for event in (
        {"type": "vdx.hint", "message": "too quiet"},
        {"type": "response.done", "response": {"status": "completed"}},
    ):
        view.show(event, 0.0)
    view.show({"type": "error", "error": {"message": "voice failed"}}, 0.0)
    console.print(view.rendered())
    assert "voice failed" in console.export_text()


class Halver:
    """An echo canceller that shows it was asked."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def played(self, block: bytes) -> None:
        self.heard.append(block)

    def clean(self, block: bytes) -> bytes:
        return (np.frombuffer(block, "<i2") // 2).astype("<i2").tobytes()


class Sound:
    """A sound system with these devices, as sounddevice lists them."""

    def query_devices(self) -> list[dict[str, Any]]:
        named = [("USB Headset", 1, 1), ("HDMI", 0, 2), ("USB Camera", 1, 0)]
        return [
            {"name": name, "max_input_channels": into, "max_output_channels": out}
            for name, into, out in named
        ]


@pytest.mark.parametrize(
    ("wanted", "direction", "number"),
    [
        ("", "microphone", None),
        ("headset", "microphone", 0),
        ("2", "microphone", 2),
        ("USB", "loudspeaker", 0),
        ("hdmi", "loudspeaker", 1),
    ],
)
def test_a_device_is_found_by_number_or_name(
    monkeypatch: pytest.MonkeyPatch, wanted: str, direction: str, number: int | None
) -> None:
    monkeypatch.setattr(microphone, "_portaudio", Sound)
    assert microphone.device_number(wanted, direction) == number


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        ("piano", "there is no microphone 'piano'; there are: 0 USB Headset; 2 USB Camera"),
        ("usb", "several microphones fit 'usb'; there are: 0 USB Headset; 2 USB Camera"),
        ("1", "there is no microphone '1'"),
    ],
)
def test_a_device_that_is_none_or_several_is_refused(
    monkeypatch: pytest.MonkeyPatch, wanted: str, named: str
) -> None:
    monkeypatch.setattr(microphone, "_portaudio", Sound)
    with pytest.raises(UnknownName, match=named):
        microphone.device_number(wanted, "microphone")


def test_the_devices_are_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from vdx.cli import talk as module

    monkeypatch.setattr(microphone, "_portaudio", Sound)
    module.talk(devices=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["NUMBER", "IS", "A", "NAME"]
    assert lines[1].split() == ["0", "microphone,", "loudspeaker", "USB", "Headset"]


async def test_a_language_is_asked_for() -> None:
    fake = FakeServer(answer_after=40)
    async with serving(fake) as url:
        await _talk(options(url, language="de"))
    assert fake.updates[0]["vdx"] == {"events": True, "language": "de"}


async def test_the_card_plays_what_is_heard_and_cleans_what_it_records() -> None:
    canceller = Halver()
    card = SoundCard(canceller)
    card.play(np.full(BLOCK, 7, "<i2").tobytes())
    speaker = bytearray(BLOCK * 2)
    for _ in range(2):
        card.exchange(np.full(BLOCK, 100, "<i2").tobytes(), speaker, BLOCK)
    frame = await asyncio.wait_for(card.frame(), WAIT_LIMIT_S)
    assert np.frombuffer(frame, "<i2").tolist() == [50] * BLOCK * 2
    assert np.frombuffer(canceller.heard[0], "<i2").tolist() == [7] * BLOCK
    assert not any(canceller.heard[1])


async def test_a_paused_card_keeps_what_it_has_and_a_cleared_one_does_not() -> None:
    card = SoundCard(None)
    speaker = bytearray(BLOCK * 2)
    card.play(np.full(BLOCK * 2, 7, "<i2").tobytes())
    card.pause()
    card.exchange(bytes(BLOCK * 2), speaker, BLOCK)
    assert not any(speaker)
    card.resume()
    card.exchange(bytes(BLOCK * 2), speaker, BLOCK)
    assert np.frombuffer(speaker, "<i2").tolist() == [7] * BLOCK
    card.clear()
    card.exchange(bytes(BLOCK * 2), speaker, BLOCK)
    assert not any(speaker)


async def test_a_loop_that_does_not_listen_loses_the_oldest_frames() -> None:
    card = SoundCard(None)
    for _ in range(200):
        card.exchange(bytes(BLOCK * 2), bytearray(BLOCK * 2), BLOCK)
    await asyncio.sleep(0.05)
    assert card.dropped == 50


async def test_events_reach_the_card() -> None:
    card = SoundCard(None)
    listener = Listener(48_000)
    hear = playback_handler(listener, card)
    listener.receive("r", np.full(BLOCK, 9, "<i2").tobytes(), 1.0)
    hear({"type": "response.output_audio.delta"})
    speaker = bytearray(BLOCK * 2)
    hear({"type": "vdx.playout.paused"})
    card.exchange(bytes(BLOCK * 2), speaker, BLOCK)
    assert not any(speaker)
    hear({"type": "vdx.playout.resumed"})
    card.exchange(bytes(BLOCK * 2), speaker, BLOCK)
    assert np.frombuffer(speaker, "<i2").tolist() == [9] * BLOCK
    hear({"type": "input_audio_buffer.speech_started"})
    card.exchange(bytes(BLOCK * 2), speaker, BLOCK)
    assert not any(speaker)


def test_livekits_canceller_takes_and_gives_blocks() -> None:
    from vdx.cli.talk import LiveKitCanceller

    canceller = LiveKitCanceller()
    block = np.full(BLOCK, 100, "<i2").tobytes()
    canceller.played(block)
    assert len(canceller.clean(block)) == len(block)
