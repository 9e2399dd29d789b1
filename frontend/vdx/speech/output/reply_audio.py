"""The output queue of one reply: audio from the voice that was not sent yet.

Each reply owns one, so cancelling a reply drops its audio with it. It also keeps the frames at
which each clause begins and ends, from which the history takes the text that was played.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from vdx.core.audio import FRAME_MS, SPEAK_FRAME, SPEAK_RATE, fade_out
from vdx.core.errors import VdxError
from vdx.core.events import Clause, Pcm, SpeechChunk, SynthesisStarted, Word
from vdx.speech.text.writing_systems import WRITTEN_WORD

MAX_FRAMES = 250
"""Five seconds, 480 kB: a clause may be so late, and hundreds of sessions fit the memory."""
BREAK_FADE = SPEAK_RATE * 10 // 1000
"""48 kHz samples over which the sound before a break falls to silence."""
SAMPLES_PER_CHARACTER = SPEAK_RATE * 65 // 1000
"""48 kHz samples of speech for a character of text: about 15 characters a second."""
PERHAPS_FASTER, MOST_LEFT_OUT = 1.15, 8
"""How much further than an even pace tells a voice without word times may have come at a break, and
at most so many characters: what may have been heard is not said again, a word may be left out."""


@dataclass(slots=True)
class ClauseSpan:
    """Position of a clause in its reply: `start` and `frames` count 20 ms frames.

    `continued`: it is the rest of the clause before it, whose synthesis failed midway.
    """

    clause: Clause
    start: int
    frames: int = 0
    words: list[Word] = field(default_factory=list)
    complete: bool = False
    continued: bool = False
    goes_on_at: int = 0
    """Where it broke off: characters of its text that what continues it leaves out; else 0."""


class ReplyAudio:
    """A bounded queue of 20 ms frames (int16 [960] at 48 kHz) with clause boundaries.

    One producer (`begin_clause`, `put`, `end_clause`, `finish`) and one consumer (`wait`, `take`)
    on one loop. `emit` takes SynthesisStarted at the first frame of the reply number `reply`.
    """

    def __init__(
        self,
        clauses_ahead: int,
        reply: int,
        emit: Callable[[SynthesisStarted], None],
        max_frames: int = MAX_FRAMES,
    ) -> None:
        self._reply = reply
        self._emit = emit
        self.spans: list[ClauseSpan] = []
        self.error: VdxError | None = None
        self._ahead = clauses_ahead
        self._max_frames = max_frames
        self._rows: deque[Pcm] = deque()
        self._taken = 0
        self._in_clause = False
        self._began = False
        self._ended = False
        self._changed = asyncio.Event()  # for the consumer
        self._drained = asyncio.Event()  # for the producer

    @property
    def ended(self) -> bool:
        """No further frame will come."""
        return self._ended

    @property
    def exhausted(self) -> bool:
        return self._ended and not self._rows

    @property
    def has_frame(self) -> bool:
        """There is a frame to take; `break_off` may take it back."""
        return bool(self._rows)

    async def begin_clause(self, clause: Clause) -> None:
        """Begins a clause; waits while `clauses_ahead` others wait to be played."""
        while len(self.spans) - self._started_clauses() >= self._ahead:
            await self._drain()
        self.spans.append(ClauseSpan(clause, self._taken + len(self._rows)))
        self._in_clause = True

    async def put(self, chunk: SpeechChunk) -> None:
        """Appends frames of the current clause, waiting while the queue is full."""
        span = self.spans[-1]
        span.words.extend(chunk.words)
        if not self._began and chunk.audio.size:
            self._began = True  # once: frames that were not sent are dropped after a failure
            self._emit(SynthesisStarted(self._reply))
        for row in chunk.audio:
            while len(self._rows) >= self._max_frames:
                await self._drain()
            self._rows.append(row)
            span.frames += 1
            self._changed.set()

    def end_clause(self, *, complete: bool = True) -> None:
        """The current clause has all its frames, or failed; one without frames is removed."""
        self._in_clause = False
        if self.spans[-1].frames:
            self.spans[-1].complete = complete
        else:
            self.spans.pop()

    def break_off(self, speed: float = 1.0) -> Clause | None:
        """After a failed synthesis: the part of the current clause still to be spoken, or None.

        All of it where none of it was sent yet, and its frames are dropped. Else what follows the
        words that were synthesised: a word that broke off and was not sent yet is spoken anew. The
        last frame before the break is faded out. Without word times they are those that the voice,
        told to speak at `speed`, may have come to.
        """
        span = self.spans[-1]
        if span.start >= self._taken:
            while len(self._rows) > span.start - self._taken:
                self._rows.pop()
            span.frames = 0
            span.words.clear()
            return span.clause
        self._drop_broken_word(span)
        if self._rows:
            self._rows[-1] = fade_out(self._rows[-1], BREAK_FADE)
        made = span.frames * SPEAK_FRAME
        spoken = _spoken_chars(span, made, made) if span.words else self._reached(span, speed)
        rest = _after(span.clause, spoken)
        if rest is None:
            return None
        span.goes_on_at = spoken
        self.spans.append(ClauseSpan(rest, span.start + span.frames, continued=True))
        return rest

    def _reached(self, span: ClauseSpan, speed: float) -> int:
        """How many characters of a clause without word times may have been made.

        At the pace of the whole clauses of this reply, else at that of most voices.
        """
        whole = [each for each in self.spans if each.complete and not each.words]
        characters = sum(len(each.clause.text) for each in whole)
        pace = SAMPLES_PER_CHARACTER / speed
        if characters:
            pace = sum(each.frames for each in whole) * SPEAK_FRAME / characters
        even = span.frames * SPEAK_FRAME / pace
        return _words_until(span.clause.text, min(PERHAPS_FASTER * even, even + MOST_LEFT_OUT))

    def _drop_broken_word(self, span: ClauseSpan) -> None:
        """Drops the frames after the last whole word that were not sent, where words are known.

        Some voices tell of a word only once it has ended, when its sound has come already.
        """
        made_ms = span.frames * FRAME_MS
        whole = [word for word in span.words if word.end_ms <= made_ms]
        spoken = max((word.char_end for word in whole), default=0)
        if not span.words or _after(span.clause, spoken) is None:
            return  # nothing is known of them, or the last one was made
        sent = self._taken - span.start
        keep = max(sent, -(-max((word.end_ms for word in whole), default=0) // FRAME_MS))
        while span.frames > keep and self._rows:
            self._rows.pop()
            span.frames -= 1

    def finish(self, error: VdxError | None = None) -> None:
        """No further frame will come: the reply is complete, or failed with `error`."""
        if self._in_clause:
            self.end_clause(complete=error is None)
        self.error = error
        self._ended = True
        self._changed.set()

    async def wait(self) -> None:
        """Returns when there is a frame to take or none will ever come."""
        while not self._rows and not self._ended:
            self._changed.clear()
            await self._changed.wait()

    def take(self) -> Pcm:
        """The next frame; IndexError unless `has_frame`."""
        row = self._rows.popleft()
        self._taken += 1
        self._drained.set()
        return row

    def clause_at(self, frame: int) -> ClauseSpan | None:
        """The clause whose first frame is `frame`, if one starts there."""
        for span in reversed(self.spans):
            if span.start == frame and span.frames:
                return span
            if span.start < frame:
                break
        return None

    def _started_clauses(self) -> int:
        """Clauses whose first frame was taken; none before that counts as one being waited for."""
        return sum(1 for span in self.spans if span.frames and span.start < self._taken)

    async def _drain(self) -> None:
        self._drained.clear()
        await self._drained.wait()


def _after(clause: Clause, spoken: int) -> Clause | None:
    """What follows the first `spoken` characters of a clause; None where no word does."""
    text = clause.text[spoken:]
    if not any(char.isalnum() for char in text):
        return None  # voices tell of words without the marks after them
    skipped = spoken + len(text) - len(text.lstrip())
    return Clause(
        clause.text[skipped:],
        clause.source_offset(spoken),
        clause.source_end,
        clause.offsets[skipped:],
        clause.line_breaks,
        phonemes=clause.phonemes,
    )


def played_text(source: str, spans: list[ClauseSpan], samples: int) -> str:
    """The part of `source`, a reply's text, that was played, to the word.

    `samples` counts 48 kHz samples since the start of the reply. A word counts when half of it
    was played. A voice that gives no word times is taken to speak at an even pace.
    """
    played = []
    for span in spans:
        position = samples - span.start * SPEAK_FRAME
        length = span.frames * SPEAK_FRAME
        if position <= 0:
            break
        clause, end = span.clause, span.clause.source_end
        if position < length or not span.complete:
            spoken = _spoken_chars(span, min(position, length), length)
            if span.goes_on_at:
                spoken = span.goes_on_at if position >= length else min(spoken, span.goes_on_at)
            end = clause.source_offset(spoken) if spoken else clause.source_start
        played.append(source[clause.source_start : end])
    return "".join(played).strip()


def _spoken_chars(span: ClauseSpan, position: int, length: int) -> int:
    """How many characters of the clause's text were spoken in its first `position` samples."""
    if span.words:
        half_played = [
            word.char_end
            for word in span.words
            if (word.start_ms + word.end_ms) / 2 * SPEAK_RATE / 1000 <= position
        ]
        return max(half_played, default=0)
    text = span.clause.text
    # Of a clause still being made only a part of the length is known.
    expected = length if span.complete else max(length, len(text) * SAMPLES_PER_CHARACTER)
    return _words_until(text, len(text) * position / expected)


def _words_until(text: str, reached: float) -> int:
    """The end of the last word of which half lies within the first `reached` characters."""
    words = WRITTEN_WORD.finditer(text)
    return max((word.end() for word in words if sum(word.span()) / 2 <= reached), default=0)
