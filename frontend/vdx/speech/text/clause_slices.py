"""Text cut into clauses beside other work: the chunker takes 10 µs for a character."""

from collections.abc import AsyncGenerator, Iterable, Mapping

from vdx.core.config import ClauseConfig
from vdx.core.events import Clause
from vdx.core.slices import yield_to_loop
from vdx.speech.text.clauses import ClauseChunker
from vdx.speech.text.normalise import prepared
from vdx.speech.text.pronunciation import pronunciation_of
from vdx.speech.text.sounds import Piece

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
    async for part in slices(text):
        for clause in chunker.feed(part):
            yield clause


async def slices(text: str) -> AsyncGenerator[str, None]:
    """A text in parts of SLICE_CHARS; other work is done between them."""
    for at in range(0, len(text), SLICE_CHARS):
        if at:
            await yield_to_loop()
        yield text[at : at + SLICE_CHARS]


def cut_pieces(pieces: Iterable[Piece], chunker: ClauseChunker) -> list[Clause]:
    """The clauses that parts of a slice complete, in which sounds of the voice were found."""
    clauses: list[Clause] = []
    for text, is_sound in pieces:
        clauses += chunker.feed_sound(text) if is_sound else chunker.feed(text)
    return clauses


async def finish(chunker: ClauseChunker) -> AsyncGenerator[Clause, None]:
    """The last clauses of a text; the chunker is used up."""
    async for clause in cut(chunker.leave_code(), chunker):
        yield clause
    for clause in chunker.finish():
        yield clause
