import asyncio
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.virtual_time import on_virtual_time
from vdx.core.audio import SPEAK_FRAME
from vdx.core.errors import ModelFailed
from vdx.core.events import Clause, SpeechChunk, SynthesisStarted, Word
from vdx.speech.output.reply_audio import (
    SAMPLES_PER_CHARACTER,
    ClauseSpan,
    ReplyAudio,
    played_text,
)

SOURCE = "One two. Three four."
FIRST, SECOND = Clause("One two.", 0, 9), Clause("Three four.", 9, 20)


def chunk(frames: int, *words: Word, first: int = 0) -> SpeechChunk:
    rows = np.arange(first, first + frames).repeat(SPEAK_FRAME).reshape(-1, SPEAK_FRAME)
    return SpeechChunk(rows.astype(np.int16), words)


async def blocked(task: asyncio.Task[None]) -> bool:
    await asyncio.sleep(10)
    return not task.done()


@on_virtual_time
async def test_frames_come_out_in_order_with_their_clauses() -> None:
    audio = ReplyAudio(2, 1, lambda _: None)
    await audio.begin_clause(FIRST)
    await audio.put(chunk(2))
    await audio.put(chunk(1, first=2))
    audio.end_clause()
    await audio.begin_clause(SECOND)
    await audio.put(chunk(1, first=3))
    audio.finish()
    await audio.wait()
    assert [int(audio.take()[0]) for _ in range(4)] == [0, 1, 2, 3]
    assert audio.exhausted
    assert [audio.clause_at(frame) for frame in range(4)] == [
        audio.spans[0],
        None,
        None,
        audio.spans[1],
    ]
    assert [(span.start, span.frames, span.complete) for span in audio.spans] == [
        (0, 3, True),
        (3, 1, True),
    ]


@pytest.mark.parametrize("ahead", [1, 2, 4])
def test_the_voice_stays_so_many_clauses_ahead_of_the_one_that_plays(ahead: int) -> None:
    @on_virtual_time
    async def produce_and_consume() -> None:
        audio = ReplyAudio(ahead, 1, lambda _: None)

        async def produce() -> None:
            for _ in range(10):
                await audio.begin_clause(FIRST)
                await audio.put(chunk(3))
                audio.end_clause()
            audio.finish()

        producer = asyncio.create_task(produce())
        await asyncio.sleep(1)
        assert len(audio.spans) == ahead, "before anything plays"
        for frame in range(30):
            await audio.wait()
            audio.take()
            await asyncio.sleep(0.02)
            playing = frame // 3 + 1
            assert len(audio.spans) == min(10, playing + ahead)
        await producer

    produce_and_consume()


@on_virtual_time
async def test_a_full_queue_holds_the_voice() -> None:
    audio = ReplyAudio(2, 1, lambda _: None, max_frames=4)
    await audio.begin_clause(FIRST)
    putting = asyncio.create_task(audio.put(chunk(6)))
    assert await blocked(putting)
    audio.take()
    assert await blocked(putting)
    audio.take()
    await putting


@on_virtual_time
async def test_clauses_without_sound_are_forgotten_and_hold_nobody() -> None:
    audio = ReplyAudio(2, 1, lambda _: None)
    for _ in range(5):
        await audio.begin_clause(FIRST)
        audio.end_clause(complete=False)
    await audio.begin_clause(SECOND)
    await audio.put(chunk(1))
    audio.finish()
    assert [span.clause for span in audio.spans] == [SECOND]


@on_virtual_time
async def test_waiting_ends_when_the_reply_does() -> None:
    audio = ReplyAudio(2, 1, lambda _: None)
    waiting = asyncio.create_task(audio.wait())
    assert await blocked(waiting)
    audio.finish(error := ModelFailed("broke"))
    await waiting
    assert audio.exhausted
    assert audio.ended
    assert audio.error is error


@on_virtual_time
async def test_a_broken_clause_is_not_complete() -> None:
    audio = ReplyAudio(2, 1, lambda _: None)
    await audio.begin_clause(FIRST)
    await audio.put(chunk(2))
    audio.finish(ModelFailed("broke"))
    assert not audio.spans[0].complete


@on_virtual_time
async def test_the_first_frame_is_told_once() -> None:
    told: list[SynthesisStarted] = []
    audio = ReplyAudio(2, 7, told.append)
    await audio.begin_clause(FIRST)
    await audio.put(chunk(0))
    assert told == []
    await audio.put(chunk(2))
    audio.take()
    audio.take()
    await audio.put(chunk(2))
    assert told == [SynthesisStarted(7)]


# --- what was played ----------------------------------------------------------------------------

WORDS = [Word("One", 0, 200, 0, 3), Word("two", 200, 400, 4, 7)]


def spans(words: bool = True, complete: bool = True) -> list[ClauseSpan]:
    first = ClauseSpan(FIRST, 0, 20, WORDS if words else [], complete=True)
    second_words = [Word("Three", 0, 300, 0, 5), Word("four", 300, 500, 6, 10)] if words else []
    return [first, ClauseSpan(SECOND, 20, 25, second_words, complete)]


@pytest.mark.parametrize(
    ("ms", "played"),
    [
        (0, ""),
        (99, ""),
        (100, "One"),
        (299, "One"),
        (300, "One two"),
        (400, "One two."),
        (549, "One two."),
        (550, "One two. Three"),
        (800, "One two. Three four"),
        (900, "One two. Three four."),
        (5000, "One two. Three four."),
    ],
)
def test_a_word_counts_when_half_of_it_was_played(ms: int, played: str) -> None:
    assert played_text(SOURCE, spans(), ms * 48) == played


@pytest.mark.parametrize(
    ("ms", "played"), [(50, ""), (100, "One"), (280, "One"), (300, "One two."), (400, "One two.")]
)
def test_without_word_times_the_pace_is_even(ms: int, played: str) -> None:
    assert played_text(SOURCE, spans(words=False), ms * 48) == played


def test_a_clause_still_being_made_is_taken_to_go_on() -> None:
    made = [ClauseSpan(Clause("One two three four five six.", 0, 28), 0, 10)]
    assert played_text("One two three four five six.", made, 200 * 48) == "One"


def test_a_clause_that_made_no_sound_is_left_out() -> None:
    made = [ClauseSpan(SECOND, 0, 25, complete=True)]
    assert played_text(SOURCE, made, 500 * 48) == "Three four."


def test_what_follows_a_clause_that_broke_off_counts() -> None:
    broken = ClauseSpan(FIRST, 0, 10, WORDS[:1], complete=False)
    made = [broken, ClauseSpan(SECOND, 10, 25, complete=True)]
    assert played_text(SOURCE, made, 700 * 48) == "OneThree four."


def test_nothing_was_planned() -> None:
    assert played_text("", [], 48_000) == ""


@given(st.integers(0, 1200), st.integers(0, 1200), st.booleans(), st.booleans())
def test_more_audio_is_never_less_text(one: int, other: int, words: bool, complete: bool) -> None:
    less, more = sorted((one, other))
    planned = spans(words, complete)
    early, late = (played_text(SOURCE, planned, ms * 48) for ms in (less, more))
    assert late.startswith(early)
    assert SOURCE.startswith(late)


def words_of(text: str, each_ms: int) -> list[Word]:
    starts = [text.index(word) for word in text.split()]
    return [
        Word(word, n * each_ms, (n + 1) * each_ms, start, start + len(word))
        for n, (word, start) in enumerate(zip(text.split(), starts, strict=True))
    ]


@pytest.mark.parametrize(("sent", "left"), [(2, 4), (5, 5)])
@on_virtual_time
async def test_the_sound_of_a_word_that_was_not_told_of_yet_is_not_said_twice(
    sent: int, left: int
) -> None:
    """Words of 40 ms, told of when they have ended; half of the third came before the break."""
    text = "one two three four"
    audio = ReplyAudio(2, 1, lambda _: None)
    await audio.begin_clause(Clause(text, 0, len(text)))
    loud = np.full((8, SPEAK_FRAME), 1000, np.int16)
    await audio.put(SpeechChunk(loud, tuple(words_of(text, 40)[:2])))
    for _ in range(sent):
        audio.take()
    unspoken = audio.break_off()
    assert unspoken is not None
    assert unspoken.text == "three four"
    assert (audio.spans[0].frames, audio.spans[1].start) == (left, left)


@on_virtual_time
async def test_the_pause_after_the_last_word_stays_where_it_broke_off() -> None:
    text = "one two."
    audio = ReplyAudio(2, 1, lambda _: None)
    await audio.begin_clause(Clause(text, 0, len(text)))
    loud = np.full((8, SPEAK_FRAME), 1000, np.int16)
    await audio.put(SpeechChunk(loud, tuple(words_of("one two", 40))))
    audio.take()
    assert audio.break_off() is None
    assert audio.spans[0].frames == 8


@pytest.mark.parametrize(
    ("sent", "left", "rest"),
    [
        (2, 5, "four five"),  # of "four" nothing was sent: it is spoken anew, and whole
        (7, 7, "four five"),  # less than half of "four" was sent
        (8, 8, "five"),  # half of it was heard: it is not said twice
    ],
)
@on_virtual_time
async def test_a_word_that_broke_off_is_spoken_anew_unless_it_was_heard(
    sent: int, left: int, rest: str
) -> None:
    """Words of 40 ms, two frames each, but the third, which ends at 100 ms; 8 frames were made."""
    text = "one two three four five"
    one, two, three, four, five = words_of(text, 40)
    three = replace(three, end_ms=100)
    four, five = replace(four, start_ms=100, end_ms=200), replace(five, start_ms=200, end_ms=300)
    audio = ReplyAudio(2, 1, lambda _: None)
    await audio.begin_clause(Clause(text, 0, len(text)))
    loud = SpeechChunk(np.full((8, SPEAK_FRAME), 1000, np.int16), (one, two, three, four, five))
    await audio.put(loud)
    for _ in range(sent):
        audio.take()
    unspoken = audio.break_off()
    assert unspoken is not None
    assert (unspoken.text, audio.spans[0].frames, audio.spans[1].start) == (rest, left, left)
    audio.finish()
    queued = [audio.take() for _ in range(left - sent)]
    assert all(frame[-1] == 0 for frame in queued[-1:]), "no click where it broke off"
    assert all((frame == 1000).all() for frame in queued[:-1])


@on_virtual_time
async def test_a_reply_begins_once_where_its_first_audio_is_dropped() -> None:
    began: list[SynthesisStarted] = []
    audio = ReplyAudio(2, 1, began.append)
    await audio.begin_clause(Clause("one two", 0, 7))
    for _ in range(2):
        await audio.put(SpeechChunk(np.ones((3, SPEAK_FRAME), np.int16)))
        assert audio.break_off() is not None
    assert began == [SynthesisStarted(1)]


@pytest.mark.parametrize(("sent", "rest"), [(0, "one two three four"), (1, "three four")])
@on_virtual_time
async def test_without_word_times_a_begun_clause_is_not_repeated(sent: int, rest: str) -> None:
    """Half of it was made; what was sent of it would be heard and written twice."""
    text = "one two three four"
    audio = ReplyAudio(2, 1, lambda _: None)
    await audio.begin_clause(Clause(text, 0, len(text)))
    await audio.put(chunk(len(text) * SAMPLES_PER_CHARACTER // SPEAK_FRAME // 2))
    for _ in range(sent):
        audio.take()
    unspoken = audio.break_off()
    assert unspoken is not None
    assert unspoken.text == rest
    await audio.put(chunk(4))
    audio.finish()
    assert played_text(text, audio.spans, 10**9) == text


PACED = "one two three four five six seven eight nine ten and then all of them once more"


@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("real", [0.95, 1.0, 1.05])
@pytest.mark.parametrize("made", [0.2, 0.5, 0.8])
@on_virtual_time
async def test_without_word_times_no_word_that_was_made_is_said_again(
    speed: float, real: float, made: float
) -> None:
    """Of a voice a little slower or faster than most."""
    audio = ReplyAudio(2, 1, lambda _: None, max_frames=10_000)
    await audio.begin_clause(Clause(PACED, 0, len(PACED)))
    frames = round(made * len(PACED) * SAMPLES_PER_CHARACTER / speed / real / SPEAK_FRAME)
    await audio.put(chunk(frames))
    audio.take()
    unspoken = audio.break_off(speed)
    assert unspoken is not None
    said = PACED[: round(made * len(PACED))].split()
    left_out = len(PACED.split()) - len(unspoken.text.split()) - len(said)
    assert 0 <= left_out <= 2
    audio.finish()
    assert played_text(PACED, audio.spans, frames * SPEAK_FRAME) + " " + unspoken.text == PACED


@on_virtual_time
async def test_without_word_times_the_pace_of_the_clauses_before_counts() -> None:
    """A voice twice as slow as most."""
    audio = ReplyAudio(9, 1, lambda _: None)
    frames = 2 * len("one two three four five ") * SAMPLES_PER_CHARACTER // SPEAK_FRAME
    await audio.begin_clause(Clause("one two.", 0, 8))
    await audio.put(chunk(2 * len("one two.") * SAMPLES_PER_CHARACTER // SPEAK_FRAME))
    audio.end_clause()
    await audio.begin_clause(Clause(PACED, 9, 9 + len(PACED)))
    await audio.put(chunk(frames))
    while audio.has_frame:
        audio.take()
    unspoken = audio.break_off()
    assert unspoken is not None
    assert unspoken.text == PACED[PACED.index("seven") :]
