"""The endpointer stage: the sound of the turn so far, put to a model at each pause.

It works beside the recogniser and never in its way: a task asks, and an answer that comes late, or
not at all, leaves the decision to the words.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from vdx.core.audio import LISTEN_RATE, SAMPLE_BYTES
from vdx.core.events import PauseJudged

SECONDS: Final = 8
"""Of a turn that an endpointer hears."""
KEPT_BYTES: Final = SECONDS * LISTEN_RATE * SAMPLE_BYTES

Judge = Callable[[bytes], Awaitable[float | None]]
"""Gives the probability that the person is done, of int16 16 kHz mono audio; None: not in time."""
Spawn = Callable[[Callable[[], Coroutine[Any, Any, None]], str], None]


class EndpointerStage:
    """Keeps the last seconds of the utterance under way, and asks about each of its pauses."""

    def __init__(self, judge: Judge, emit: Callable[[PauseJudged], None], spawn: Spawn) -> None:
        self._judge = judge
        self._emit = emit
        self._spawn = spawn
        self._heard = bytearray()

    def begin(self, pcm: bytes) -> None:
        """An utterance begins with this int16 16 kHz mono audio."""
        self._heard = bytearray(pcm)

    def push(self, pcm: bytes) -> None:
        """Audio of the utterance, speech and silence alike."""
        self._heard += pcm
        if len(self._heard) > 2 * KEPT_BYTES:  # seldom, because it copies what is left
            del self._heard[:-KEPT_BYTES]

    def ask(self, utterance: int, at: int) -> None:
        """Puts the pause that began at the sample `at` of the input to the model."""
        heard = bytes(self._heard[-KEPT_BYTES:])

        async def question() -> None:
            probability = await self._judge(heard)
            if probability is not None:
                self._emit(PauseJudged(utterance, at, probability))

        self._spawn(question, f"endpointer-{utterance}")
