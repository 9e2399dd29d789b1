"""The utterance that is being spoken now, and its present pause. No I/O and no clock.

How long a pause may last depends on what is known of it, which comes in pieces: its begin from the
VAD, a probability from the endpointer, words from the recogniser, in any order. Each of them may
change the endpoint.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from vdx.core.audio import LISTEN_RATE
from vdx.speech.input.end_of_turn import Pause


@dataclass(slots=True)
class LiveSpeech:
    """Begins at the sample `onset` of the input, at LISTEN_RATE.

    `text` is its transcript so far, `ms` its length up to the last frame that was speech.
    """

    utterance: int
    onset: int = 0
    text: str = ""
    ms: int = 0
    _paused_at: int | None = None
    _pause: Pause | None = None
    _silence_ms: int = 0
    """The endpoint of this pause that was set; 0 where it has none of its own."""

    def begin_pause(self, at: int) -> None:
        """It paused at the sample `at` of the input."""
        self._paused_at = at
        self._pause = Pause(turn_ms=(at - self.onset) * 1000 // LISTEN_RATE)

    def end_pause(self) -> None:
        """Speech goes on, with the usual endpoint."""
        self._paused_at = self._pause = None
        self._silence_ms = 0

    def judge_pause(self, at: int, probability: float) -> bool:
        """The endpointer's answer, 0 to 1, for the pause at `at`; False if that is over."""
        if self._pause is None or self._paused_at != at:
            return False
        self._pause = replace(self._pause, probability=probability)
        return True

    def transcribe_pause(self, text: str, *, done: bool) -> bool:
        """The speculative transcript, with `done` as `Pause` has it; False if it does not pause."""
        if self._pause is None:
            return False
        self._pause = replace(self._pause, text=text, done=done)
        return True

    def new_endpoint(self, silence_ms: Callable[[Pause], int]) -> int | None:
        """How much silence ends the turn in this pause, in ms, by the rule `silence_ms`.

        0 is the usual silence. None where it is as it was set before, or where it does not pause.
        """
        if self._pause is None or (wanted := silence_ms(self._pause)) == self._silence_ms:
            return None
        self._silence_ms = wanted
        return wanted
