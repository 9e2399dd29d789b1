import asyncio
from collections.abc import AsyncGenerator

import numpy as np
import pytest

from tests.unit.dialog.fakes import FakeVoice, utter
from tests.unit.virtual_time import on_virtual_time
from vdx.core.audio import SPEAK_FRAME
from vdx.core.errors import (
    ModelBusy,
    ModelDied,
    ModelFailed,
    ModelRejected,
    UnknownName,
    VdxError,
)
from vdx.core.events import Clause, SpeechChunk, StageFailed
from vdx.serving.busy_retry import BUSY_DELAYS_S
from vdx.speech.output.reply_audio import ReplyAudio, played_text
from vdx.speech.output.tts import RECOVERIES, Recover, Speaker, Voice, speak

TEXTS = ("One.", "Two.", "Three.")


async def clauses() -> AsyncGenerator[Clause, None]:
    for text in TEXTS:
        yield Clause(text, 0, len(text))


async def spoken(
    synthesize: FakeVoice, *voices: str, recover: Recover | None = None
) -> tuple[ReplyAudio, list[VdxError], VdxError | None]:
    """Everything at once, with room for all of it."""
    audio = ReplyAudio(8, 1, lambda _: None, max_frames=1000)
    names = iter(voices)
    failures: list[StageFailed] = []
    error = None
    try:
        await speak(
            clauses(),
            Speaker(lambda: Voice(next(names, "voice")), synthesize, failures.append, recover),
            audio,
        )
    except VdxError as failure:
        error = failure
    return audio, [failed.error for failed in failures], error


def frames(*texts: str, model: str = "voice") -> int:
    return sum(len(utter(model, text)) for text in texts)


@on_virtual_time
async def test_clause_after_clause() -> None:
    audio, reported, error = await spoken(FakeVoice())
    assert (reported, error) == ([], None)
    assert [span.clause.text for span in audio.spans] == list(TEXTS)
    assert all(span.complete and span.words for span in audio.spans)
    assert sum(span.frames for span in audio.spans) == frames(*TEXTS)
    assert audio.ended


@on_virtual_time
async def test_the_voice_is_asked_for_at_every_clause() -> None:
    synthesize = FakeVoice()
    await spoken(synthesize, "a", "b", "a")
    assert synthesize.requests == [("a", "One."), ("b", "Two."), ("a", "Three.")]


@on_virtual_time
async def test_a_rejected_clause_is_left_out() -> None:
    rejection = ModelRejected("no such letters")
    audio, reported, error = await spoken(FakeVoice(failures={"Two.": rejection}))
    assert (reported, error) == ([rejection], None)
    assert [span.clause.text for span in audio.spans] == ["One.", "Three."]


@pytest.mark.parametrize("failure", [ModelFailed("broke"), UnknownName("no such voice")])
def test_any_other_failure_ends_the_reply(failure: VdxError) -> None:
    @on_virtual_time
    async def conversation() -> None:
        voice = FakeVoice(failures={"Two.": failure}, failure_after_chunks=1)
        audio, reported, error = await spoken(voice)
        assert error is failure
        assert audio.error is failure
        assert audio.ended
        assert reported == []
        assert [span.complete for span in audio.spans] == [True, False]
        assert voice.open == 0

    conversation()


@on_virtual_time
async def test_a_busy_model_is_asked_again() -> None:
    voice = FakeVoice(failures={"Two.": ModelBusy("busy")})
    audio, _, error = await spoken(voice)
    assert error is None
    assert [text for _, text in voice.requests] == ["One.", "Two.", "Two.", "Three."]
    assert sum(span.frames for span in audio.spans) == frames(*TEXTS)


@on_virtual_time
async def test_a_model_that_stays_busy_fails_the_reply() -> None:
    asked = 0

    async def busy(voice: Voice, text: str) -> AsyncGenerator[SpeechChunk, None]:
        nonlocal asked
        asked += 1
        raise ModelBusy("busy")
        yield

    _, _, error = await spoken(busy)  # type: ignore[arg-type]  # a function is a voice as well
    assert isinstance(error, ModelBusy)
    assert asked == len(BUSY_DELAYS_S) + 1


@on_virtual_time
async def test_busy_after_the_clause_began_is_not_asked_again() -> None:
    voice = FakeVoice(failures={"Two.": ModelBusy("busy")}, failure_after_chunks=1)
    _, _, error = await spoken(voice)
    assert isinstance(error, ModelBusy)
    assert [text for _, text in voice.requests] == ["One.", "Two."]


@on_virtual_time
async def test_cancelling_closes_the_stream_at_once() -> None:
    voice = FakeVoice()
    audio = ReplyAudio(2, 1, lambda _: None, max_frames=3)
    source = clauses()
    speaker = Speaker(lambda: Voice("voice"), voice, lambda _: None)
    task = asyncio.create_task(speak(source, speaker, audio))
    await asyncio.sleep(1)
    assert voice.open == 1, "held by the full queue"
    task.cancel()
    await asyncio.wait({task})
    assert voice.open == 0
    await source.aclose()


# --- a voice that dies --------------------------------------------------------------------------

DIED = ModelDied("stub process died", model="voice")


async def same(voice: Voice, error: VdxError, failures: int) -> Voice | None:
    """The voice was loaded again."""
    return voice


async def another(voice: Voice, error: VdxError, failures: int) -> Voice | None:
    """Another voice takes over."""
    return Voice("other")


async def none(voice: Voice, error: VdxError, failures: int) -> Voice | None:
    """Nobody can speak."""
    return None


@pytest.mark.parametrize(
    ("recover", "model", "chunks"), [(same, "voice", 0), (another, "other", 0), (same, "voice", 1)]
)
def test_a_clause_that_was_not_heard_is_spoken_again(
    recover: Recover, model: str, chunks: int
) -> None:
    @on_virtual_time
    async def conversation() -> None:
        voice = FakeVoice(failures={"One.": DIED}, failure_after_chunks=chunks)
        audio, reported, error = await spoken(voice, recover=recover)
        told = [DIED] if model == "other" else []
        assert (reported, error) == (told, None), "nobody noticed where the same voice goes on"
        assert voice.requests == [
            ("voice", "One."),
            (model, "One."),
            ("voice", "Two."),
            ("voice", "Three."),
        ]
        first = [audio.take() for _ in range(audio.spans[0].frames)]
        assert np.array_equal(first, utter(model, "One.")), "nothing twice, nothing lost"
        assert [span.clause.text for span in audio.spans] == list(TEXTS)
        assert all(span.complete for span in audio.spans)

    conversation()


@on_virtual_time
async def test_a_clause_that_was_heard_in_part_goes_on_after_its_last_word() -> None:
    text = "One two three four five."
    source = f"*{text}*"

    async def one() -> AsyncGenerator[Clause, None]:
        yield Clause(text, 1, len(source), tuple(range(1, len(text) + 1)))

    voice = FakeVoice(failures={text: DIED}, failure_after_chunks=3)  # 30 frames: "One two th"
    audio = ReplyAudio(2, 1, lambda _: None, max_frames=20)
    speaker = Speaker(lambda: Voice("voice"), voice, lambda _: None, same)
    speaking = asyncio.create_task(speak(one(), speaker, audio))
    heard = 0
    while not audio.exhausted:
        await audio.wait()
        if not audio.exhausted:
            audio.take()
            heard += 1
    await speaking
    assert [text for _, text in voice.requests] == [text, "three four five."]
    begun, rest = audio.spans
    assert (begun.frames, begun.complete, begun.continued) == (30, False, False)
    assert (rest.start, rest.frames, rest.continued) == (30, frames("three four five."), True)
    assert heard == rest.start + rest.frames
    said = played_text(source, audio.spans, heard * SPEAK_FRAME)
    assert said == source[1:], "every word once"


@on_virtual_time
async def test_a_voice_that_nobody_replaces_fails_the_reply() -> None:
    audio, reported, error = await spoken(FakeVoice(failures={"Two.": DIED}), recover=none)
    assert (reported, error, audio.error) == ([], DIED, DIED)


@on_virtual_time
async def test_a_voice_that_dies_again_and_again_fails_the_reply() -> None:
    asked = 0

    async def dies(voice: Voice, text: str) -> AsyncGenerator[SpeechChunk, None]:
        nonlocal asked
        asked += 1
        raise DIED
        yield

    _, reported, error = await spoken(dies, recover=same)  # type: ignore[arg-type]  # as above
    assert (reported, error) == ([], DIED), "the reply tells it"
    assert asked == RECOVERIES + 1
