"""Recorded calls: only where a profile asks for it, both sides in their places, deleted in time."""

import asyncio
import json
import os
import stat
import sys
import threading
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.unit.dialog.fakes import FakeTransport, Heard
from tests.unit.dialog.stage import answered, scene
from tests.unit.test_app import hosted
from tests.unit.virtual_time import on_virtual_time
from vdx.cli.main import app as cli
from vdx.core import settings
from vdx.core.call_files import delete_expired, recorded_calls
from vdx.core.errors import ConfigError
from vdx.core.events import SessionState
from vdx.dialog import call_recorder
from vdx.dialog.call_recorder import CallRecorder, webvtt
from vdx.dialog.ids import SessionIds
from vdx.dialog.session_events import ReplyDone
from vdx.transports.room.job_metadata import JobMetadata

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Opened:
    """Files that this process opened for writing while it was on; hooks cannot be taken off."""

    def __init__(self) -> None:
        self.on = False
        self.paths: list[str] = []
        sys.addaudithook(self._look)

    def _look(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and event == "open" and arguments[2] & WRITES:
            self.paths.append(str(arguments[0]))


OPENED = Opened()


@pytest.fixture
def opened() -> Iterator[Opened]:
    OPENED.paths.clear()
    OPENED.on = True
    yield OPENED
    OPENED.on = False


@on_virtual_time
async def test_by_default_nothing_of_a_call_reaches_the_disk(opened: Opened) -> None:
    async with scene(Heard("a secret")) as stage:
        await answered(stage)
        await stage.until(SessionState.WAITING_FOR_INPUT)
    assert opened.paths == []


async def test_by_default_no_profile_is_recorded(tmp_path: Path) -> None:
    _, host = hosted(
        profiles={"vdx": {}, "kept": {"record_calls": True, "consent": "We record.", "voice": "e"}},
        call_recording={"folder": tmp_path},
    )
    transport: Any = FakeTransport()
    assert host.open_session(host.profiles.options(""), transport)._recorder is None
    options = host.profiles.options("kept")
    assert options.greeting == "We record."
    metadata = JobMetadata(profile="kept", greeting="Hello.")
    assert metadata.options(host).greeting == "We record. Hello."
    assert host.open_session(options, transport)._recorder is not None
    assert files(tmp_path) == []


def test_a_profile_that_records_says_so_to_the_caller() -> None:
    with pytest.raises(ConfigError, match="set consent"):
        settings.load(flags={"profiles.vdx.record_calls": True}, environ={})


def files(folder: Path, pattern: str = "*") -> list[Path]:
    return list(folder.glob(pattern))


def sound(folder: Path) -> np.ndarray:
    (file,) = folder.glob("*/*.wav")
    with wave.open(str(file)) as read:
        assert (read.getnchannels(), read.getframerate(), read.getsampwidth()) == (2, 16_000, 2)
        return np.frombuffer(read.readframes(read.getnframes()), np.int16).reshape(-1, 2)


async def test_both_sides_lie_where_they_were_heard(tmp_path: Path) -> None:
    now = 100.0
    recorder = CallRecorder(tmp_path, {"session": "s"}, lambda: now)
    now = 101.0
    recorder.heard(np.full(16_000, 1000, np.int16).tobytes())
    for frame in range(50):
        recorder.played(np.full(960, 2000, np.int16), 102.0 + frame * 0.02)
    now = 104.0
    recorder.heard(np.full(1600, 3000, np.int16).tobytes())
    await recorder._write(recorder._now())
    await recorder._attempt(recorder._finish)
    left, right = sound(tmp_path).T
    assert len(left) == 4 * 16_000
    assert set(left[:16_000]) == {1000}
    assert set(left[16_000:-1600]) == {0}
    assert set(left[-1600:]) == {3000}
    assert not right[: 2 * 16_000].any()
    assert abs(int(np.median(right[2 * 16_000 + 500 : 3 * 16_000])) - 2000) <= 2
    assert not right[3 * 16_000 + 100 :].any()


def test_a_reply_beside_the_conversation_was_not_said(tmp_path: Path) -> None:
    recorder, ids = CallRecorder(tmp_path, {"session": "s"}, lambda: 100.0), SessionIds("s")
    recorder.played(np.zeros(960, np.int16), 101.0)
    recorder.told(ReplyDone(ids.out_of_band_reply(1), "completed", "", 0, "rude"))
    recorder.told(ReplyDone(ids.reply(1), "completed", "", 20, "Hello."))
    assert [(turn["text"], turn["start_ms"]) for turn in recorder._turns] == [("Hello.", 1000)]


@on_virtual_time
async def test_a_recorded_call_has_its_words_with_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_once(work: Callable[[], None]) -> None:
        work()  # threads know nothing of virtual time

    monkeypatch.setattr(call_recorder, "in_thread", at_once)
    made: list[CallRecorder] = []

    def recorder(_options: Any, session: str, clock: Any) -> CallRecorder:
        made.append(CallRecorder(tmp_path, {"session": session, "profile": "kept"}, clock))
        return made[0]

    async with scene(Heard("hello there"), recorder=recorder, recorded=True) as stage:
        await answered(stage)
        await stage.until(SessionState.WAITING_FOR_INPUT)
    (about,) = files(tmp_path, "*/s.json")
    told = json.loads(about.read_text())
    user, assistant = told["turns"]
    assert (user["role"], user["text"], assistant["role"]) == ("user", "hello there", "assistant")
    assert 0 < user["start_ms"] < user["end_ms"] <= assistant["start_ms"] < assistant["end_ms"]
    assert f"<v assistant>{assistant['text']}" in about.with_suffix(".vtt").read_text()
    left, right = sound(tmp_path).T
    assert left.any()
    assert right[assistant["start_ms"] * 16 : assistant["end_ms"] * 16].any()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in about.parent.iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE(about.parent.stat().st_mode) == 0o700


async def test_a_full_disk_ends_the_recording_alone(tmp_path: Path) -> None:
    (tmp_path / "calls").write_text("not a folder")
    now = 0.0
    recorder = CallRecorder(tmp_path / "calls", {"session": "s"}, lambda: now)
    now = 1.0
    await recorder._write(recorder._now())
    recorder.heard(bytes(320))
    await recorder._attempt(recorder._finish)
    assert recorder._failed


async def test_a_session_that_is_cancelled_while_it_ends_keeps_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = CallRecorder(tmp_path, {"session": "s"}, time.monotonic)
    recorder.heard(bytes(32_000))
    writing, may_go_on = threading.Event(), threading.Event()
    append = recorder._append

    def slow(stereo: Any) -> None:
        writing.set()
        assert may_go_on.wait(10)
        append(stereo)

    monkeypatch.setattr(recorder, "_append", slow)
    running = asyncio.create_task(recorder.run())
    await asyncio.sleep(0)
    running.cancel()
    assert await asyncio.to_thread(writing.wait, 10)
    running.cancel()
    await asyncio.sleep(0)
    may_go_on.set()
    await asyncio.wait([running])
    assert {path.suffix for path in files(tmp_path, "*/*")} == {".wav", ".json", ".vtt"}


async def test_a_recording_ends_where_its_file_may_not_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_recorder, "MOST_BYTES", 6 * 16_000)
    now = 0.0
    recorder = CallRecorder(tmp_path, {"session": "s"}, lambda: now)
    for seconds in (1.0, 2.0):
        now = seconds
        recorder.heard(bytes(32_000))
        await recorder._write(recorder._now())
    assert recorder._failed
    assert len(sound(tmp_path)) == 16_000


def test_words_cannot_break_the_subtitles() -> None:
    turn = {"role": "user", "start_ms": 3_723_004, "end_ms": 3_723_004, "text": "<i>\n\n& -->"}
    assert webvtt([turn]) == (
        "WEBVTT\n\n01:02:03.004 --> 01:02:03.005\n<v user>&lt;i&gt; &amp; --&gt;\n"
    )


def kept(folder: Path, session: str, days_old: float) -> None:
    place = folder / f"day-of-{session}"
    place.mkdir(parents=True)
    for ending in (".wav", ".json", ".vtt"):
        file = place / f"{session}{ending}"
        file.write_text('{"started": "2026-03-02", "seconds": 61}')
        then = time.time() - days_old * 86_400
        os.utime(file, (then, then))


def test_what_is_older_than_it_may_be_is_deleted(tmp_path: Path) -> None:
    kept(tmp_path, "old", 31)
    kept(tmp_path, "new", 29)
    assert delete_expired(tmp_path, 30) == 1
    assert [call.session for call in recorded_calls(tmp_path)] == ["new"]
    assert not (tmp_path / "day-of-old").exists()


def test_words_of_a_call_that_was_deleted_while_it_went_on_do_not_stay(tmp_path: Path) -> None:
    kept(tmp_path, "old", 31)
    (tmp_path / "day-of-old" / "old.wav").unlink()
    assert [call.session for call in recorded_calls(tmp_path)] == ["old"]
    assert delete_expired(tmp_path, 30) == 1
    assert files(tmp_path) == []


def test_words_that_were_not_written_to_their_end_keep_no_recording(tmp_path: Path) -> None:
    kept(tmp_path, "old", 31)
    kept(tmp_path, "cut", 31)
    (tmp_path / "day-of-cut" / "cut.json").write_text('{"started": "2026')
    assert sorted(call.session for call in recorded_calls(tmp_path)) == ["cut", "old"]
    assert delete_expired(tmp_path, 30) == 2


def test_the_command_lists_and_deletes(tmp_path: Path) -> None:
    kept(tmp_path, "one", 1)
    kept(tmp_path, "two", 0)
    config = tmp_path / "vdx.yaml"
    config.write_text(f"call_recording: {{folder: {tmp_path}}}\n")

    def ran(*words: str) -> str:
        answer = CliRunner().invoke(cli, ["recordings", *words, "--config", str(config)])
        assert answer.exit_code == 0, answer.output
        return answer.output

    assert "\none      2026-03-02  61 s " in ran("list")
    assert "deleted" in ran("delete", "one")
    assert ran("prune", "--days", "0") == "1 deleted\n"
    assert ran("list") == "no call is recorded\n"
