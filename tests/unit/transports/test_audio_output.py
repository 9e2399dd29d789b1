"""What waits in a room's track is taken back at a pause, and heard again at the resume."""

from typing import Any

import numpy as np
import pytest
from livekit import rtc

from vdx.core.audio import SPEAK_FRAME, SPEAK_RATE
from vdx.core.events import Pcm
from vdx.transports.room import audio_output
from vdx.transports.room.audio_output import FADE, IN_FLIGHT_S, UNHEARD_MS, AudioOutput
from vdx.transports.room.output_lead import OutputLead

TICK = SPEAK_RATE // 100


class Track:
    """LiveKit's audio source: sends 10 ms at each tick of `clock`, silence where it has none."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.clock = 100.0
        self.waiting: Pcm = np.zeros(0, np.int16)
        self.sent: list[Pcm] = []

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        pcm = np.frombuffer(bytes(frame.data), np.int16)
        self.waiting = np.concatenate([self.waiting, pcm])

    def clear_queue(self) -> None:
        self.waiting = self.waiting[:0]

    def pass_ms(self, ms: int) -> None:
        for _ in range(ms // 10):
            self.clock += 0.01
            if self.waiting.size:
                self.sent.append(self.waiting[:TICK])
                self.waiting = self.waiting[TICK:]

    @property
    def heard(self) -> Pcm:
        return np.concatenate(self.sent)


@pytest.fixture
def track(monkeypatch: pytest.MonkeyPatch) -> Track:
    track = Track()
    monkeypatch.setattr(audio_output.rtc, "AudioSource", lambda *_, **__: track)
    monkeypatch.setattr(audio_output.time, "monotonic", lambda: track.clock)
    return track


@pytest.fixture
def output(track: Track) -> AudioOutput:
    return AudioOutput(OutputLead(20, 80))


def rows(count: int) -> list[Pcm]:
    reply = np.arange(1, count * SPEAK_FRAME + 1).astype(np.int16)
    return list(reply.reshape(count, SPEAK_FRAME))


@pytest.mark.parametrize("ahead", [1, 2, 4])
@pytest.mark.parametrize("after_ms", [0, 10, 20])
async def test_a_pause_takes_back_what_waits_and_a_resume_loses_nothing(
    track: Track, output: AudioOutput, ahead: int, after_ms: int
) -> None:
    reply = rows(10)
    for row in reply[:ahead]:
        await output.play(row, track.clock)
    track.pass_ms(after_ms)
    output.take_back()
    assert not track.waiting.size
    output.take_back()  # paused again before anything was fed
    await output.send_silence()
    track.pass_ms(200)
    before = len(track.sent) - 2  # the silent frame
    await output.give_back()
    for row in reply[ahead:]:
        await output.play(row, track.clock)
        track.pass_ms(20)
    track.pass_ms(200)
    heard = np.concatenate([*track.sent[:before], *track.sent[before + 2 :]])
    whole = np.concatenate(reply)
    assert heard.size == whole.size
    faded = slice(before * TICK, before * TICK + FADE)
    heard = heard.copy()
    heard[faded] = whole[faded]
    assert np.array_equal(heard, whole)


@pytest.mark.parametrize("waited_ms", [0, 10, 20, 60, 200])
async def test_a_listener_that_falls_silent_at_once_gets_again_what_was_on_its_way(
    track: Track, output: AudioOutput, waited_ms: int
) -> None:
    output.silent_at_pause = True
    reply = rows(10)
    for row in reply[:6]:
        await output.play(row, track.clock)
        track.pass_ms(20)
    track.pass_ms(waited_ms)  # as where the voice is slow
    output.take_back()
    sent = len(track.sent) * TICK
    track.pass_ms(500)
    await output.give_back()
    track.pass_ms(100)
    again = track.heard[sent:]
    unheard = max(0, UNHEARD_MS - waited_ms) * SPEAK_RATE // 1000
    assert again.size == unheard
    assert np.array_equal(again[FADE:], np.concatenate(reply)[sent - unheard + FADE : sent])


@pytest.mark.parametrize("late_ms", [10, 30, 50])
async def test_what_a_listener_heard_before_a_late_frame_is_not_heard_again(
    track: Track, output: AudioOutput, late_ms: int
) -> None:
    output.silent_at_pause = True
    reply = rows(4)
    for row in reply[:3]:
        await output.play(row, track.clock)
        track.pass_ms(20)
    track.pass_ms(late_ms)
    await output.play(reply[3], track.clock)
    track.pass_ms(10)
    output.take_back()
    sent = len(track.sent) * TICK
    await output.give_back()
    track.pass_ms(200)
    # Of the last UNHEARD_MS, `late_ms` were silence.
    before_the_gap = max(0, UNHEARD_MS - late_ms - 10) * SPEAK_RATE // 1000
    again = track.heard[sent:]
    assert again.size == before_the_gap + SPEAK_FRAME
    whole = np.concatenate(reply)
    assert np.array_equal(again[FADE:], whole[whole.size - again.size + FADE :])


async def test_nothing_of_a_reply_that_is_over_is_heard_in_the_next(
    track: Track, output: AudioOutput
) -> None:
    for over in (output.clear, output.forget):
        await output.play(rows(1)[0], track.clock)
        output.take_back()
        over()
        await output.play(np.full(SPEAK_FRAME, 7, np.int16), track.clock)
        track.pass_ms(100)
        assert set(track.heard[-SPEAK_FRAME:]) == {7}
        assert track.heard.size == SPEAK_FRAME
        track.sent.clear()


async def test_what_was_fed_is_waited_for_until_it_is_heard(
    track: Track, output: AudioOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(audio_output.asyncio, "sleep", sleep)
    await output.played_out()
    assert waited == [], "nothing was fed"
    for row in rows(3):
        await output.play(row, track.clock)
    track.pass_ms(10)
    await output.played_out()
    assert waited == [pytest.approx(0.05 + IN_FLIGHT_S)]
    track.pass_ms(1000)
    await output.played_out()
    assert len(waited) == 1
