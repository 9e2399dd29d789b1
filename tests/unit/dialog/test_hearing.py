import asyncio

import numpy as np

from tests.unit.dialog.fakes import FakeRecogniser
from tests.unit.dialog.stage import quiet
from tests.unit.speech.signals import Signal, frames, vowel
from tests.unit.virtual_time import on_virtual_time
from vdx.core.config import AsrConfig, EchoControlConfig, VadConfig
from vdx.core.events import (
    SessionState,
    SpeechEnded,
    SpeechEvent,
    SpeechLasted,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    StageEvent,
    TranscriptFailed,
)
from vdx.dialog.hearing import Hearing
from vdx.speech.input.asr import Recogniser, Utterance


class HearingHarness:
    """A Hearing whose utterances nobody works off: what they hold is what was heard."""

    def __init__(self, vad: VadConfig | None = None) -> None:
        self.now = 0.0
        self.state = SessionState.LISTENING
        self.events: list[SpeechEvent] = []
        self.lasted: list[int] = []
        self.emitted: list[StageEvent] = []
        self.utterances: list[Utterance] = []
        self.hearing = Hearing(
            vad or VadConfig(),
            AsrConfig(),
            lambda: self.state,
            Recogniser(FakeRecogniser()),  # type: ignore[arg-type]  # never opened
            self.emit,
            self.utterances.append,
            lambda: self.now,
        )

    def emit(self, event: StageEvent) -> None:
        if isinstance(event, SpeechLasted):
            self.lasted.append(event.ms)
        elif isinstance(event, SpeechEvent):
            self.events.append(event)
        else:
            self.emitted.append(event)

    async def hears(self, *parts: Signal) -> None:
        for frame in frames(*parts):
            self.now += 0.02
            await self.hearing.feed(frame)

    def filled_ms(self) -> int:
        """How much silence was filled in, in ms."""
        return self.hearing._position // 16 - self.hearing.position_ms

    @property
    def kinds(self) -> list[type]:
        return [type(event) for event in self.events]


@on_virtual_time
async def test_an_utterance_begins_with_the_pre_roll() -> None:
    harness = HearingHarness()
    signal = np.concatenate([quiet(1000), vowel(400)])
    await harness.hears(signal)
    (started,) = harness.events
    assert isinstance(started, SpeechStarted)
    begins = started.at - 300 * 16
    pcm = signal.astype("<i2").tobytes()
    assert bytes(harness.utterances[0]._pending) == pcm[begins * 2 :]


@on_virtual_time
async def test_a_pre_roll_is_not_heard_twice() -> None:
    harness = HearingHarness()
    await harness.hears(quiet(500), vowel(300), quiet(340), vowel(300))
    first, second = harness.utterances
    started = [event for event in harness.events if isinstance(event, SpeechStarted)]
    ended = next(event for event in harness.events if isinstance(event, SpeechEnded))
    assert len(second._pending) // 2 <= harness.hearing.position_ms * 16 - ended.at
    assert started[1].at > ended.at
    assert first is not second


@on_virtual_time
async def test_what_was_committed_is_not_heard_again() -> None:
    """While somebody speaks: a recogniser may go on where the last utterance ended."""
    harness, before, after = (
        HearingHarness(),
        np.concatenate([quiet(500), vowel(500)]),
        vowel(400, pitch_hz=160),
    )
    await harness.hears(before)
    assert harness.hearing.commit() == 1
    await harness.hears(after)
    first, second = harness.utterances
    assert before.astype("<i2").tobytes().endswith(first._pending)
    assert bytes(second._pending) == after.astype("<i2").tobytes()


@on_virtual_time
async def test_what_ended_after_a_short_pause_is_not_heard_again() -> None:
    harness, more = HearingHarness(), np.concatenate([quiet(60), vowel(400, pitch_hz=160)])
    before = np.concatenate([quiet(500), vowel(500), quiet(60)])
    await harness.hears(before)
    harness.hearing.set_endpoint(1, 100)
    await harness.hears(more)
    first, second = harness.utterances
    assert SpeechEnded in harness.kinds
    said = np.concatenate([before, more]).astype("<i2").tobytes()
    assert said.endswith(first._pending + second._pending)


@on_virtual_time
async def test_silence_that_was_held_back_leads_into_the_next_utterance() -> None:
    harness = HearingHarness()
    await harness.hears(quiet(500), vowel(500), quiet(200))
    first, after = harness.utterances[0], vowel(400)
    held = len(first._held)
    assert held
    assert harness.hearing.commit() == 1
    await harness.hears(after)
    assert len(harness.utterances[1]._pending) == held + after.size * 2


@on_virtual_time
async def test_pieces_of_any_size_are_heard_alike() -> None:
    pcm = np.concatenate([quiet(300), vowel(400), quiet(500)]).astype("<i2").tobytes()
    heard = []
    for size in (2, 333, 640, 4096, len(pcm)):
        harness = HearingHarness()
        for start in range(0, len(pcm), size):
            await harness.hearing.feed(pcm[start : start + size])
        heard.append(harness.events)
    assert all(events == heard[0] for events in heard)
    assert [type(event) for event in heard[0]] == [SpeechStarted, SpeechPaused, SpeechEnded]


@on_virtual_time
async def test_input_that_stops_is_heard_as_silence() -> None:
    harness = HearingHarness()
    await harness.hears(quiet(300), vowel(400))
    harness.now += 0.02  # while the last frame lasts, nothing is missing
    harness.hearing.fill_gap(harness.now + 0.19, 200)
    assert harness.kinds == [SpeechStarted]
    harness.hearing.fill_gap(harness.now + 0.20, 200)
    assert harness.kinds == [SpeechStarted, SpeechPaused]
    harness.hearing.fill_gap(harness.now + 0.25, 200)
    assert harness.filled_ms() == 240
    assert harness.hearing.position_ms == 300 + 400, "the client has sent no more"
    harness.hearing.fill_gap(harness.now + 5.0, 200)
    assert harness.kinds == [SpeechStarted, SpeechPaused, SpeechEnded]
    before = harness.filled_ms()
    assert before < 500, "no more silence than the end needs"
    harness.hearing.fill_gap(harness.now + 9.0, 200)
    assert harness.filled_ms() == before


@on_virtual_time
async def test_a_process_that_stalls_does_not_take_its_own_stall_for_a_pause() -> None:
    harness = HearingHarness()
    await harness.hears(quiet(300), vowel(400))
    harness.now += 0.02 + 0.4
    harness.hearing.excuse(0.35)
    harness.hearing.fill_gap(harness.now, 200)
    assert harness.kinds == [SpeechStarted]
    harness.hearing.excuse(-1.0)  # early is not late
    harness.hearing.fill_gap(harness.now + 0.2, 200)
    assert harness.kinds == [SpeechStarted, SpeechPaused]


@on_virtual_time
async def test_input_that_comes_back_goes_on() -> None:
    harness = HearingHarness()
    await harness.hears(quiet(300), vowel(400))
    harness.now += 0.02 + 0.22
    harness.hearing.fill_gap(harness.now, 200)
    await harness.hears(vowel(300))
    assert harness.kinds == [SpeechStarted, SpeechPaused, SpeechResumed]


@on_virtual_time
async def test_a_client_that_sends_long_pieces_does_not_stop_in_between() -> None:
    harness = HearingHarness()
    for _ in range(4):
        await harness.hearing.feed(vowel(400).astype("<i2").tobytes())
        harness.now += 0.4
        harness.hearing.fill_gap(harness.now, 200)
    assert harness.kinds == [SpeechStarted]


@on_virtual_time
async def test_input_that_waits_for_the_recogniser_has_not_stopped() -> None:
    harness = HearingHarness()
    feeding = asyncio.create_task(
        harness.hearing.feed(np.concatenate([quiet(300), vowel(4000)]).astype("<i2").tobytes())
    )
    await asyncio.sleep(1)
    assert not feeding.done(), "two seconds wait for a recogniser that takes nothing"
    harness.now += 10
    harness.hearing.fill_gap(harness.now, 200)
    assert harness.kinds == [SpeechStarted]
    harness.hearing.close()
    await feeding


@on_virtual_time
async def test_commit_and_clear() -> None:
    harness = HearingHarness()
    assert harness.hearing.commit() is None
    assert harness.hearing.clear() is None
    await harness.hears(quiet(300), vowel(400))
    assert harness.hearing.current_utterance == 1
    assert harness.hearing.in_speech
    assert harness.hearing.commit() == 1
    assert harness.hearing.current_utterance is None
    await harness.hears(vowel(400))
    assert harness.hearing.clear() == 2
    assert not harness.hearing.in_speech


@on_virtual_time
async def test_without_voice_activity_everything_is_one_utterance() -> None:
    harness = HearingHarness(VadConfig(enabled=False))
    pcm = quiet(110).astype("<i2").tobytes()
    await harness.hearing.feed(pcm)
    assert harness.events == []
    assert not harness.hearing.in_speech
    assert harness.hearing.commit() == 1
    assert harness.utterances[0].manual
    assert bytes(harness.utterances[0]._pending) == pcm.ljust(120 * 32, b"\0")
    await harness.hearing.feed(pcm)
    assert harness.hearing.commit() == 2


@on_virtual_time
async def test_manual_and_detected_utterances_share_one_count() -> None:
    harness = HearingHarness(VadConfig(enabled=False))
    await harness.hears(vowel(400))
    assert harness.hearing.commit() == 1
    harness.hearing.reconfigure(VadConfig(), EchoControlConfig())
    await harness.hears(np.concatenate([quiet(300), vowel(400)]))
    assert harness.hearing.commit() == 2
    harness.hearing.reconfigure(VadConfig(enabled=False), EchoControlConfig())
    await harness.hears(vowel(400))
    assert harness.hearing.commit() == 3
    assert [(each.number, each.manual) for each in harness.utterances] == [
        (1, True),
        (2, False),
        (3, True),
    ]


@on_virtual_time
async def test_a_final_of_an_utterance_that_is_lost_is_told_as_failed() -> None:
    harness = HearingHarness()
    harness.hearing.finish(99)
    (failed,) = harness.emitted
    assert isinstance(failed, TranscriptFailed)
    assert failed.utterance == 99


@on_virtual_time
async def test_speech_over_a_reply_is_measured_frame_by_frame() -> None:
    harness = HearingHarness()
    harness.state = SessionState.BARGED_IN
    await harness.hears(quiet(300), vowel(400), quiet(200))
    assert harness.lasted == sorted(harness.lasted)
    assert 380 <= harness.lasted[-1] <= 460


@on_virtual_time
async def test_nothing_is_heard_after_the_end() -> None:
    harness = HearingHarness()
    harness.hearing.close()
    await harness.hears(quiet(300), vowel(400))
    assert (harness.events, harness.utterances) == ([], [])


@on_virtual_time
async def test_a_long_recording_lets_others_work() -> None:
    harness = HearingHarness()
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    busy = asyncio.create_task(other())
    await harness.hearing.feed(quiet(10_000).astype("<i2").tobytes())
    busy.cancel()
    await asyncio.wait({busy})
    assert turns >= 500 // 25 - 1
