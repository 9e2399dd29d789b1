"""A long text is cut into clauses with the event loop's other work in between."""

import asyncio
import time

import pytest

from vdx.core.config import ClauseConfig
from vdx.speech.text.clause_slices import SLICE_CHARS, cut
from vdx.speech.text.clauses import ClauseChunker

TEXT = "This is a sentence of it, and here it goes on. " * 200


async def test_the_clauses_are_those_of_the_chunker() -> None:
    whole = ClauseChunker(ClauseConfig())
    assert [clause async for clause in cut(TEXT, ClauseChunker(ClauseConfig()))] == whole.feed(TEXT)


async def test_a_short_text_is_cut_at_once() -> None:
    passes = 0

    async def count() -> None:
        nonlocal passes
        while True:
            passes += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    assert len([clause async for clause in cut("Yes. No. " * 20, _chunker())]) > 1
    assert passes == 0
    counting.cancel()


def _chunker() -> ClauseChunker:
    return ClauseChunker(ClauseConfig())


@pytest.mark.parametrize(
    "unit", ["word ", "a", "*", "!", "]", "# ", "`", "字", "。」", "|a", "[a](", "1", "🎉", "\n"]
)
def test_no_slice_takes_long(unit: str) -> None:
    """The limit is 50 ms; a slice takes 2 or 3. Marks in a row were once decided about together."""
    text = (unit * SLICE_CHARS * 20)[: SLICE_CHARS * 20] + "x y"
    chunker, longest = _chunker(), 0.0
    for at in range(0, len(text), SLICE_CHARS):
        began = time.thread_time()
        chunker.feed(text[at : at + SLICE_CHARS])
        longest = max(longest, time.thread_time() - began)
    began = time.thread_time()
    chunker.finish()
    assert max(longest, time.thread_time() - began) < 0.15


def test_endless_marks_are_passed_on_in_parts() -> None:
    chunker = _chunker()
    for _ in range(1_000):
        chunker.feed("!" * 100)
        assert len(chunker._cleaner._run) <= 100
