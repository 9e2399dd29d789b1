"""Records a call whose profile asks for it: a stereo file, and what was said as JSON and WebVTT.

The person is on the left, the reply on the right, both at 16 kHz and on the session's clock.
Without it no words and no sound of a person reach the disk.
"""

import asyncio
import json
import os
import wave
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from vdx.core.audio import LISTEN_RATE, SAMPLE_BYTES, SPEAK_RATE
from vdx.core.events import Pcm
from vdx.core.logs import logger
from vdx.core.resample import Resampler
from vdx.core.threads import in_thread
from vdx.dialog.session_events import (
    FinalTranscript,
    ReplyDone,
    SessionEvent,
    UtteranceEnded,
    UtteranceStarted,
)

log = logger(__name__)

WRITE_S: Final = 2.0
LATE_S: Final = 1.0
"""Sound may come so much later than its time and still find its place."""
JITTER: Final = LISTEN_RATE // 5
"""Samples that input may come later than expected without a pause being put before it."""
MOST_AHEAD: Final = 60 * LISTEN_RATE
"""Samples kept of input that a client sends faster than real time."""


class _Channel:
    """One side: what is not written yet begins at `start`, in samples since the call began."""

    def __init__(self) -> None:
        self.start = 0
        self._pcm = bytearray()

    @property
    def end(self) -> int:
        return self.start + len(self._pcm) // SAMPLE_BYTES

    def put(self, at: int, pcm: bytes) -> None:
        """Appends int16 sound that belongs at `at`, after silence where it is late by more."""
        if (missing := at - self.end) > JITTER:
            self._pcm += bytes(missing * SAMPLE_BYTES)
        self._pcm += pcm

    def take(self, to: int) -> Pcm:
        """Removes and returns what there is before `to`, filled with silence to that length."""
        wanted = (to - self.start) * SAMPLE_BYTES
        taken = bytes(self._pcm[:wanted]).ljust(wanted, b"\0")
        del self._pcm[:wanted]
        self.start = to
        return np.frombuffer(taken, dtype=np.int16)


class CallRecorder:
    """Takes the sound and the events of one session; `run` writes until it is cancelled."""

    def __init__(self, folder: Path, facts: Mapping[str, str], clock: Callable[[], float]) -> None:
        """`facts` describe the call in its JSON; `session` among them names the files."""
        now = datetime.now(UTC)
        self._stem = folder / now.date().isoformat() / facts["session"]
        self._facts = {**facts, "started": now.isoformat(timespec="seconds")}
        self._clock = clock
        self._began = clock()
        self._left, self._right = _Channel(), _Channel()
        self._to_listen_rate = Resampler(SPEAK_RATE, LISTEN_RATE)
        self._file: wave.Wave_write | None = None
        self._failed = False
        self._turns: list[dict[str, Any]] = []
        self._spans: dict[int, list[int]] = {}
        self._reply_ms: int | None = None

    def heard(self, pcm: bytes) -> None:
        """int16 16 kHz mono input that has just arrived."""
        if not self._failed:
            self._left.put(self._now() - len(pcm) // SAMPLE_BYTES, pcm)

    def played(self, pcm: Pcm, due: float) -> None:
        """A frame of the reply, int16 [960] at 48 kHz, for the time `due` on the clock."""
        at = round((due - self._began) * LISTEN_RATE)
        if self._reply_ms is None:
            self._reply_ms = _ms(at)
        if not self._failed:
            self._right.put(at, self._to_listen_rate.push(pcm).tobytes())

    def told(self, event: SessionEvent) -> None:
        """Keeps what was said, and when."""
        now_ms = _ms(self._now())
        match event:
            case UtteranceStarted(utterance=ids):
                self._spans[ids.number] = [now_ms, now_ms]
            case UtteranceEnded(utterance=ids):
                self._spans.setdefault(ids.number, [now_ms, now_ms])[1] = now_ms
            case FinalTranscript(utterance=ids, text=text) if text:
                start_ms, end_ms = self._spans.pop(ids.number, [now_ms, now_ms])
                self._add("user", start_ms, end_ms, text)
            case ReplyDone(reply=ids, text=text) if ids.number > 0:  # others are not heard
                if text and self._reply_ms is not None:
                    self._add("assistant", self._reply_ms, now_ms, text)
                self._reply_ms = None
            case _:
                pass

    async def run(self) -> None:
        """Writes what is complete every WRITE_S, and the rest and the transcript at the end."""
        try:
            while True:
                await asyncio.sleep(WRITE_S)
                ahead = max(self._left.end, self._right.end) - MOST_AHEAD
                await self._write(max(self._now() - round(LATE_S * LISTEN_RATE), ahead))
        finally:
            await self._write(max(self._now(), self._left.end, self._right.end))
            await self._attempt(self._finish)

    async def _write(self, to: int) -> None:
        if self._failed or to <= self._left.start:
            return
        stereo = np.stack([self._left.take(to), self._right.take(to)], axis=1)
        await self._attempt(lambda: self._append(stereo))

    async def _attempt(self, work: Callable[[], None]) -> None:
        """A disk that is full ends the recording, and not the call."""
        if self._failed:
            return
        try:
            await in_thread(work)
        except OSError as error:
            self._failed = True
            log.warning("recording of the call ended", error=error.strerror)

    def _append(self, stereo: Pcm) -> None:
        if self._file is None:
            self._stem.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Closed by `_finish`.
            self._file = wave.open(_private(self._stem.with_suffix(".wav")), "wb")  # noqa: SIM115
            self._file.setparams((2, SAMPLE_BYTES, LISTEN_RATE, 0, "NONE", ""))
        # This also writes the length into the header: what a crash leaves can be played.
        self._file.writeframes(stereo.tobytes())

    def _finish(self) -> None:
        if self._file is not None:
            self._file.close()
        turns = sorted(self._turns, key=lambda turn: int(turn["start_ms"]))
        whole = {**self._facts, "seconds": round(self._left.start / LISTEN_RATE, 1), "turns": turns}
        with _private(self._stem.with_suffix(".json")) as file:
            file.write(json.dumps(whole, indent=1, ensure_ascii=False).encode())
        with _private(self._stem.with_suffix(".vtt")) as file:
            file.write(webvtt(turns).encode())

    def _add(self, role: str, start_ms: int, end_ms: int, text: str) -> None:
        self._turns.append({"role": role, "start_ms": start_ms, "end_ms": end_ms, "text": text})

    def _now(self) -> int:
        """Samples since the call began."""
        return round((self._clock() - self._began) * LISTEN_RATE)


def webvtt(turns: list[dict[str, Any]]) -> str:
    """The turns as WebVTT, whose voice tags say who speaks."""
    cues = [
        f"{_time(turn['start_ms'])} --> {_time(max(turn['end_ms'], turn['start_ms'] + 1))}\n"
        f"<v {turn['role']}>{_escaped(turn['text'])}\n"
        for turn in turns
    ]
    return "\n".join(["WEBVTT\n", *cues])


def _escaped(text: str) -> str:
    plain = " ".join(text.split())
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(ms: int) -> str:
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"


def _ms(samples: int) -> int:
    return samples * 1000 // LISTEN_RATE


def _private(path: Path) -> Any:
    """A new file for writing that its user alone can read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
