"""Text cut into clauses beside other work: the chunker takes 10 µs for a character."""

from collections.abc import AsyncGenerator, Mapping

from vdx.core.config import ClauseConfig
from vdx.core.events import Clause
from vdx.core.slices import yield_to_loop
from vdx.speech.text.clauses import ClauseChunker
from vdx.speech.text.normalise import prepared
from vdx.speech.text.pronunciation import pronunciation_of

SLICE_CHARS = 256
"""Cut at once, in some milliseconds."""


async def chunker_for(
    config: ClauseConfig, language: str, pronunciation: Mapping[str, str] | None = None
) -> ClauseChunker:
    """A chunker that writes what it cuts in words of the language, some as a profile says them."""
    entries = pronunciation_of(pronunciation or {})
    return ClauseChunker(config, language, await prepared(language), entries)


async def cut(text: str, chunker: ClauseChunker) -> AsyncGenerator[Clause, None]:
    """The clauses that `text` completes, each as soon as it is known; see `ClauseChunker.feed`.

    Cut as they are needed: the end of a book does not delay its first word.
    """
    for at in range(0, len(text), SLICE_CHARS):
        if at:
            await yield_to_loop()
        for clause in chunker.feed(text[at : at + SLICE_CHARS]):
            yield clause


async def finish(chunker: ClauseChunker) -> AsyncGenerator[Clause, None]:
    """The last clauses of a text; the chunker is used up."""
    async for clause in cut(chunker.leave_code(), chunker):
        yield clause
    for clause in chunker.finish():
        yield clause
