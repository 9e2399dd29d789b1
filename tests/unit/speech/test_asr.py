import asyncio

import pytest

from frontend.core.config import AsrConfig
from frontend.core.errors import InvalidInput, ModelFailed, ModelTimeout, TritonUnavailable
from frontend.core.events import Transcript, TranscriptFailed, TranscriptKind
from frontend.speech.asr import ABANDON_S, Utterance
from tests.unit.dialog.fakes import FakeRecognition, Heard
from tests.unit.virtual_time import on_virtual_time

FRAME = bytes(640)
TIMEOUT_MS = 2000


class Case:
    def __init__(self, plan: Heard) -> None:
        self.stream = FakeRecognition(plan, "fake")
        self.emitted: list[Transcript | TranscriptFailed] = []
        self.utterance = Utterance(7, AsrConfig(), lambda: self.stream, self.emitted.append)
        self.task = asyncio.create_task(self.utterance.run(TIMEOUT_MS))

    async def speak(self, frames: int) -> None:
        for _ in range(frames):
            self.utterance.push(FRAME)
            await asyncio.sleep(0.02)

    @property
    def sent(self) -> list[tuple[int, str]]:
        return [(size // 640, what) for size, what in self.stream.sends]


@on_virtual_time
async def test_audio_goes_sixty_milliseconds_at_a_time_and_the_rest_with_the_flush() -> None:
    case = Case(Heard("hello"))
    await case.speak(7)
    case.utterance.pause()
    await case.speak(15)
    case.utterance.finish()
    await case.task
    assert case.sent == [(3, "audio"), (3, "audio"), (1, "flush"), (0, "end")]
    kinds = [event.kind for event in case.emitted if isinstance(event, Transcript)]
    assert kinds == [TranscriptKind.PAUSE, TranscriptKind.FINAL]
    assert {event.utterance for event in case.emitted} == {7}
    assert case.stream.closed


@on_virtual_time
async def test_the_silence_of_a_pause_is_sent_when_the_person_goes_on() -> None:
    case = Case(Heard("hello"))
    await case.speak(3)
    case.utterance.pause()
    await case.speak(5)
    case.utterance.resume()
    await case.speak(1)
    case.utterance.finish()
    await case.task
    assert len(case.stream.received) == 9 * 640
    assert [what for _, what in case.sent] == ["audio", "flush", "audio", "end"]


@on_virtual_time
async def test_finish_with_nothing_pending() -> None:
    case = Case(Heard("hello"))
    case.utterance.finish()
    await case.task
    assert case.sent == [(0, "end")]
    assert [event.text for event in case.emitted if isinstance(event, Transcript)] == ["hello"]


@on_virtual_time
async def test_abandoning_tells_the_server_and_nobody_else() -> None:
    case = Case(Heard("hello"))
    await case.speak(3)
    case.utterance.pause()
    case.utterance.abandon()
    await case.task
    assert case.sent[-1] == (0, "cancel")
    assert case.emitted == []


@on_virtual_time
async def test_abandoned_before_the_stream_was_opened() -> None:
    case = Case(Heard("hello"))
    case.utterance.abandon()
    await case.task
    assert case.sent == [(0, "cancel")]
    assert case.emitted == []


@on_virtual_time
async def test_abandoned_while_the_final_is_due() -> None:
    case = Case(Heard(hangs=True))
    case.utterance.finish()
    await asyncio.sleep(0.5)
    began = asyncio.get_running_loop().time()
    case.utterance.abandon()
    await case.task
    assert asyncio.get_running_loop().time() - began <= ABANDON_S + 0.001
    assert case.emitted == []


@on_virtual_time
async def test_a_failure_in_mid_utterance_is_told_when_the_words_are_wanted() -> None:
    error = ModelFailed("broke")
    case = Case(Heard(error=error))
    await case.speak(300)
    assert case.emitted == []
    await asyncio.wait_for(case.utterance.room(), 0.1)
    case.utterance.finish()
    await case.task
    assert case.emitted == [TranscriptFailed(7, error)]


@on_virtual_time
async def test_a_failure_of_an_abandoned_utterance_is_told_to_nobody() -> None:
    case = Case(Heard(error_on_open=TritonUnavailable("gone")))
    await case.speak(5)
    case.utterance.abandon()
    await case.task
    assert case.emitted == []


@pytest.mark.parametrize(
    ("plan", "kind"),
    [
        (Heard(error_on_open=TritonUnavailable("gone")), TritonUnavailable),
        (Heard(error_on_open=InvalidInput("odd")), InvalidInput),
        (Heard(silent_end=True), ModelFailed),
        (Heard(hangs=True), ModelTimeout),
    ],
)
def test_exactly_one_failure(plan: Heard, kind: type) -> None:
    @on_virtual_time
    async def conversation() -> None:
        case = Case(plan)
        await case.speak(3)
        began = asyncio.get_running_loop().time()
        case.utterance.finish()
        await case.task
        (failed,) = case.emitted
        assert isinstance(failed, TranscriptFailed)
        assert isinstance(failed.error, kind)
        assert asyncio.get_running_loop().time() - began <= TIMEOUT_MS / 1000 + 0.001

    conversation()


@on_virtual_time
async def test_a_final_that_nobody_asked_for_is_a_failure() -> None:
    case = Case(Heard("hello"))
    await case.speak(1)
    case.stream._later(0, "early", TranscriptKind.FINAL)
    await case.speak(5)
    case.utterance.finish()
    await case.task
    (failed,) = case.emitted
    assert isinstance(failed, TranscriptFailed)
    assert isinstance(failed.error, ModelFailed)


@on_virtual_time
async def test_partial_transcripts_are_passed_on() -> None:
    case = Case(Heard("hello there"))
    await case.speak(1)
    case.stream.say("hello")
    await case.speak(1)
    assert [(e.utterance, e.text) for e in case.emitted if isinstance(e, Transcript)] == [
        (7, "hello")
    ]
    case.utterance.abandon()
    await case.task


@on_virtual_time
async def test_the_input_waits_while_the_recogniser_lags() -> None:
    case = Case(Heard("hello"))
    for _ in range(150):
        case.utterance.push(FRAME)
    room = asyncio.create_task(case.utterance.room())
    await asyncio.sleep(0)
    assert len(case.stream.received) == 150 * 640 or not room.done()
    await room
    assert len(case.stream.received) == 150 * 640
    case.utterance.finish()
    await case.task


@on_virtual_time
async def test_a_recogniser_that_takes_nothing_times_out() -> None:
    case = Case(Heard("hello"))

    async def never(*args: object, **kwargs: object) -> None:
        await asyncio.Event().wait()

    case.stream.send = never  # type: ignore[method-assign]  # a server that reads no more
    for _ in range(150):
        case.utterance.push(FRAME)
    await asyncio.wait_for(case.utterance.room(), TIMEOUT_MS / 1000 + 0.1)
    case.utterance.push(FRAME)
    case.utterance.finish()
    await case.task
    (failed,) = case.emitted
    assert isinstance(failed, TranscriptFailed)
    assert isinstance(failed.error, ModelTimeout)
