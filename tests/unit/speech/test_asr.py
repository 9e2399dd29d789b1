import asyncio

import pytest

from tests.unit.dialog.fakes import FakeRecognition, Heard
from tests.unit.virtual_time import on_virtual_time
from vdx.core.config import AsrConfig
from vdx.core.errors import (
    InvalidInput,
    ModelDied,
    ModelFailed,
    ModelTimeout,
    TritonUnavailable,
    VdxError,
)
from vdx.core.events import Transcript, TranscriptFailed, TranscriptKind
from vdx.speech.input.asr import ABANDON_S, KEPT_MS, Recogniser, Utterance

FRAME = bytes(640)
TIMEOUT_MS = 2000


class Case:
    def __init__(self, plan: Heard) -> None:
        self.stream = FakeRecognition(plan, "fake")
        self.emitted: list[Transcript | TranscriptFailed] = []
        self.utterance = Utterance(
            7, AsrConfig(), Recogniser(lambda: self.stream), self.emitted.append
        )
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
async def test_the_words_of_an_earlier_pause_are_no_answer_to_this_one() -> None:
    """A recogniser that is slow answers the first pause in the second."""
    case = Case(Heard("make me a latte", pause="make me", pause_delay_s=0.3))
    await case.speak(3)
    case.utterance.pause()
    await case.speak(2)
    case.utterance.resume()
    await case.speak(3)
    case.utterance.pause()
    await asyncio.sleep(0.4)
    case.utterance.finish()
    await case.task
    kinds = [event.kind for event in case.emitted if isinstance(event, Transcript)]
    assert kinds == [TranscriptKind.PARTIAL, TranscriptKind.PAUSE, TranscriptKind.FINAL]


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


# --- a recogniser that dies ---------------------------------------------------------------------

DIED = ModelDied("stub process died", model="fake")


class Revived:
    """An utterance whose first recogniser dies when told to; the second one lives."""

    def __init__(self, back_s: float = 3.0, *, comes_back: bool = True) -> None:
        self.streams = [
            FakeRecognition(Heard("lost"), "fake"),
            FakeRecognition(Heard("hi"), "fake"),
        ]
        self.opened = iter(self.streams)
        self.emitted: list[Transcript | TranscriptFailed] = []

        async def recover(error: VdxError) -> bool:
            assert error is DIED
            await asyncio.sleep(back_s)
            return comes_back

        recogniser = Recogniser(lambda: next(self.opened), recover)
        self.utterance = Utterance(7, AsrConfig(), recogniser, self.emitted.append)
        self.task = asyncio.create_task(self.utterance.run(TIMEOUT_MS))

    async def speak(self, first: int, last: int) -> None:
        """Frames that can be told apart."""
        for number in range(first, last):
            self.utterance.push(number.to_bytes(2, "little") * 320)
            await asyncio.sleep(0.02)

    def die(self) -> None:
        self.streams[0]._answers.put_nowait(DIED)


def said(first: int, last: int) -> bytes:
    return b"".join(number.to_bytes(2, "little") * 320 for number in range(first, last))


@pytest.mark.parametrize("paused", [False, True])
def test_what_was_said_is_recognised_again(paused: bool) -> None:
    @on_virtual_time
    async def conversation() -> None:
        case = Revived()
        await case.speak(0, 20)
        if paused:
            case.utterance.pause()
        case.die()
        await case.speak(20, 60)
        case.utterance.resume()
        case.utterance.finish()
        await case.task
        assert bytes(case.streams[1].received) == said(0, 60), "all of it, in order"
        heard = [e for e in case.emitted if isinstance(e, Transcript)]
        finals = [e.text for e in heard if e.kind is TranscriptKind.FINAL]
        assert finals == ["hi"]

    conversation()


@on_virtual_time
async def test_a_recogniser_that_dies_over_the_final_is_asked_again() -> None:
    case = Revived(back_s=TIMEOUT_MS / 1000 * 3)
    case.streams[0]._plan.hangs = True
    await case.speak(0, 20)
    case.utterance.finish()
    await asyncio.sleep(1)
    case.die()
    await case.task
    assert [e.text for e in case.emitted if isinstance(e, Transcript)] == ["hi"]
    assert bytes(case.streams[1].received) == said(0, 20)


@on_virtual_time
async def test_the_input_goes_on_while_the_recogniser_is_away() -> None:
    case = Revived(back_s=8)
    await case.speak(0, 5)
    case.die()
    await asyncio.sleep(0.1)
    await case.speak(5, 300)
    await asyncio.wait_for(case.utterance.room(), 0.001)
    case.utterance.finish()
    await case.task
    assert bytes(case.streams[1].received) == said(0, 300)


@on_virtual_time
async def test_a_recogniser_that_does_not_come_back_is_told() -> None:
    case = Revived(comes_back=False)
    await case.speak(0, 20)
    case.die()
    case.utterance.finish()
    await case.task
    assert case.emitted == [TranscriptFailed(7, DIED)]


@on_virtual_time
async def test_an_utterance_too_long_to_keep_is_not_recognised_again() -> None:
    case = Revived()
    await case.speak(0, KEPT_MS // 20 + 10)
    case.die()
    case.utterance.finish()
    await case.task
    assert case.emitted == [TranscriptFailed(7, DIED)]
    assert not case.streams[1].received


@on_virtual_time
async def test_abandoned_while_the_recogniser_is_away() -> None:
    case = Revived(back_s=8)
    await case.speak(0, 20)
    case.die()
    await asyncio.sleep(0.1)
    began = asyncio.get_running_loop().time()
    case.utterance.abandon()
    await case.task
    assert asyncio.get_running_loop().time() - began <= ABANDON_S + 0.001
    assert not any(isinstance(event, TranscriptFailed) for event in case.emitted)


@on_virtual_time
async def test_a_recogniser_that_dies_as_the_time_is_over_is_not_asked_again() -> None:
    """The timer has fired, so nothing would end another wait for an answer."""
    case = Revived()
    await case.speak(0, 3)
    expired = asyncio.timeout(0.0)
    with pytest.raises(TimeoutError):
        async with expired:
            await asyncio.sleep(1)
    case.utterance._timer = expired
    assert not await case.utterance._recovered(DIED)
    case.utterance.abandon()
    case.task.cancel()
    await asyncio.wait({case.task})
