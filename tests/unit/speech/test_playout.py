import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from tests.unit.virtual_time import on_virtual_time
from vdx.core.audio import SPEAK_FRAME, SPEAK_RATE, fade_in
from vdx.core.config import PlayoutConfig
from vdx.core.events import Clause, ClauseStarted, Pcm, ReplyAudible, SpeechChunk
from vdx.core.metrics import UNDERRUNS
from vdx.speech.output.playout import Playout
from vdx.speech.output.reply_audio import ReplyAudio

CLAUSE = Clause("Hello.", 0, 6)
LEAD_MS = 40


class Listener:
    """A playout with somebody who notes when every frame came."""

    def __init__(
        self, config: PlayoutConfig | None = None, lead_ms: Callable[[], int] | None = None
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        self.audio = ReplyAudio(2, 1, lambda _: None)
        self.rows: list[Pcm] = []
        self.times_ms: list[float] = []
        self.audible = 0
        self.clauses: list[ClauseStarted] = []
        self.blocked_s = 0.0
        self.playout = Playout(
            self.audio, 1, self.send, self.emit, config or PlayoutConfig(), self.loop.time, lead_ms
        )
        self.task = asyncio.create_task(self.playout.run())

    @property
    def now_ms(self) -> float:
        return (self.loop.time() - self.began) * 1000

    @property
    def played_ms(self) -> float:
        return self.playout.played_samples / SPEAK_RATE * 1000

    async def send(self, row: Pcm, due: float) -> None:
        self.rows.append(row)
        self.times_ms.append(round(self.now_ms, 3))
        await asyncio.sleep(self.blocked_s)

    def emit(self, event: ReplyAudible | ClauseStarted) -> None:
        if isinstance(event, ClauseStarted):
            self.clauses.append(event)
        else:
            self.audible += 1

    async def made(self, frames: int) -> Pcm:
        """Lets the voice make so many more frames; returns them."""
        rows = np.full((frames, SPEAK_FRAME), 7000, np.int16)
        if not self.audio.spans:
            await self.audio.begin_clause(CLAUSE)
        await self.audio.put(SpeechChunk(rows))
        return rows


@on_virtual_time
async def test_it_is_silent_until_released() -> None:
    listener = Listener()
    await listener.made(5)
    await asyncio.sleep(1)
    assert listener.rows == []
    assert (listener.audible, listener.played_ms) == (0, 0)
    listener.playout.release()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert listener.audible == 1
    listener.audio.finish()
    await listener.task


@on_virtual_time
async def test_frames_are_paced_with_the_lead() -> None:
    listener = Listener()
    await listener.made(10)
    listener.audio.finish()
    listener.playout.release()
    await listener.task
    assert listener.times_ms == [max(0, 20 * (i + 1) - LEAD_MS) for i in range(10)]
    assert listener.now_ms == pytest.approx(200)
    assert listener.playout.played_samples == 10 * SPEAK_FRAME
    assert listener.clauses == [ClauseStarted(1, 0, CLAUSE)]


@on_virtual_time
async def test_what_was_played_follows_the_clock_and_never_passes_what_was_sent() -> None:
    listener = Listener()
    await listener.made(10)
    listener.playout.release()
    last = 0.0
    for _ in range(60):
        await asyncio.sleep(0.005)
        assert last <= listener.played_ms <= listener.playout.sent_samples / 48
        assert listener.played_ms == pytest.approx(min(listener.now_ms, 200), abs=0.1)
        last = listener.played_ms
    listener.audio.finish()
    await listener.task


@pytest.mark.parametrize("pause_at_ms", [0, 5, 90, 100, 199])
@pytest.mark.parametrize("pause_ms", [1, 20, 500])
def test_a_pause_loses_and_doubles_nothing(pause_at_ms: int, pause_ms: int) -> None:
    @on_virtual_time
    async def play() -> None:
        listener = Listener()
        rows = await listener.made(20)
        listener.audio.finish()
        listener.playout.release()
        await asyncio.sleep(pause_at_ms / 1000)
        listener.playout.pause()
        sent = len(listener.rows)
        await asyncio.sleep(pause_ms / 1000)
        assert len(listener.rows) == sent
        assert listener.played_ms <= sent * 20
        listener.playout.resume()
        await listener.task
        played = np.stack(listener.rows)
        if sent:
            assert np.array_equal(played[sent], fade_in(rows[sent], 5 * 48))
            played[sent] = rows[sent]
        assert np.array_equal(played, rows)
        assert listener.playout.played_samples == 20 * SPEAK_FRAME
        gaps = np.diff(listener.times_ms)
        assert gaps.max() <= max(pause_ms + 20, 20) + 0.01

    play()


@on_virtual_time
async def test_a_pause_before_the_first_frame() -> None:
    listener = Listener()
    listener.playout.release()
    listener.playout.pause()
    rows = await listener.made(3)
    listener.audio.finish()
    await asyncio.sleep(1)
    assert (listener.rows, listener.audible) == ([], 0)
    listener.playout.resume()
    await listener.task
    assert np.array_equal(np.stack(listener.rows), rows), "nothing to fade in"


@on_virtual_time
async def test_a_voice_that_runs_dry_goes_on_without_a_rush() -> None:
    listener = Listener()
    await listener.made(2)
    listener.playout.release()
    await asyncio.sleep(1)
    assert listener.played_ms == 40
    await listener.made(5)
    listener.audio.finish()
    await listener.task
    assert listener.times_ms == [0, 0, 1000, 1000, 1020, 1040, 1060]
    assert listener.now_ms == pytest.approx(1100)
    assert listener.playout.played_samples == 7 * SPEAK_FRAME


@on_virtual_time
async def test_a_pause_at_the_end_holds_nothing_back() -> None:
    listener = Listener()
    await listener.made(3)
    listener.audio.finish()
    listener.playout.release()
    await asyncio.sleep(0.03)
    listener.playout.pause()
    await listener.task
    assert len(listener.rows) == 3
    assert listener.now_ms == pytest.approx(60)


@on_virtual_time
async def test_a_reply_without_audio_ends_when_it_is_released() -> None:
    listener = Listener()
    listener.audio.finish()
    await asyncio.sleep(1)
    assert not listener.task.done()
    listener.playout.release()
    await listener.task
    assert (listener.audible, listener.playout.played_samples) == (0, 0)


@on_virtual_time
async def test_a_reader_that_blocks_gets_what_is_next() -> None:
    listener = Listener()
    listener.blocked_s = 0.1
    await listener.made(5)
    listener.audio.finish()
    listener.playout.release()
    await listener.task
    assert listener.times_ms == [0, 100, 200, 300, 400]


@on_virtual_time
async def test_cancelling_stops_before_the_next_frame() -> None:
    listener = Listener()
    await listener.made(20)
    listener.playout.release()
    await asyncio.sleep(0.1)
    sent = len(listener.rows)
    listener.task.cancel()
    await asyncio.wait({listener.task})
    assert len(listener.rows) == sent
    assert listener.played_ms == pytest.approx(100)


@on_virtual_time
async def test_with_the_smallest_lead_frames_are_sent_when_they_sound() -> None:
    listener = Listener(PlayoutConfig(output_lead_ms=20))
    await listener.made(4)
    listener.audio.finish()
    listener.playout.release()
    await listener.task
    assert listener.times_ms == [0, 20, 40, 60]


@on_virtual_time
async def test_a_lead_may_grow_and_shrink_while_frames_are_sent() -> None:
    leads = iter([20, 20, 60, 60, 20, 20])
    listener = Listener(lead_ms=lambda: next(leads))
    await listener.made(7)
    listener.audio.finish()
    listener.playout.release()
    await listener.task
    assert listener.times_ms == [0, 20, 40, 40, 40, 100, 120]
    assert listener.now_ms == pytest.approx(140), "every frame sounds at the same time as ever"


def underruns() -> float:
    (metric,) = UNDERRUNS.collect()
    return next(sample.value for sample in metric.samples if sample.name.endswith("_total"))


@on_virtual_time
async def test_only_a_slow_voice_is_counted_as_one() -> None:
    before = underruns()
    blocked = Listener(PlayoutConfig(output_lead_ms=20))
    blocked.blocked_s = 0.1
    await blocked.made(5)
    blocked.audio.finish()
    blocked.playout.release()
    await blocked.task
    assert underruns() == before, "the reader was slow, not the voice"
    starved = Listener()
    await starved.made(2)
    starved.playout.release()
    await asyncio.sleep(1)
    await starved.made(2)
    starved.audio.finish()
    await starved.task
    assert underruns() == before + 1


@on_virtual_time
async def test_a_frame_taken_back_before_it_was_sent_is_not_missed() -> None:
    """A voice that breaks off takes its frames back; others follow, of another server."""
    listener = Listener()
    await listener.made(4)
    listener.audio.end_clause()
    await listener.audio.begin_clause(CLAUSE)
    row = np.full((1, SPEAK_FRAME), 5, np.int16)
    await listener.audio.put(SpeechChunk(row))
    listener.playout.release()
    await asyncio.sleep(0.05)
    assert len(listener.rows) == 4, "the fifth is due in 10 ms"
    assert listener.audio.break_off() == CLAUSE
    await asyncio.sleep(0.1)
    await listener.audio.put(SpeechChunk(row))
    listener.audio.finish()
    await listener.task
    assert len(listener.rows) == 5
    assert len(listener.clauses) == 2
