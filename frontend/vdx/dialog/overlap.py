"""Speech over a reply that did not interrupt it: what becomes of it once its words are known.

It passed the voice check, so what it says is not lost: words are a turn of their own, which is
answered when the reply is over. Noise is nothing, and neither is a listening sound ("mhm", "yes"),
unless the reply ends with it: then "yes" answers the reply.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from vdx.dialog.policy import TurnPolicy

LAST_MS: Final = 500
"""Of a reply that were left to play: a listening sound that begins here is an answer to it."""


class OverlapVerdict(Enum):
    """What speech over a reply was."""

    NOISE = auto()
    LISTENING = auto()
    """A listening sound, which the end of the reply may still make a turn."""
    TURN = auto()
    INTERRUPTION = auto()
    """Its words would have confirmed the barge-in, had they been known in time."""


@dataclass(slots=True)
class Overlap:
    """One utterance; it began when `at_ms` of the reply were played, and lasted `ms`.

    `went_on`: it began so soon that the person had not been done before the reply. `text` is None
    until the final transcript is there. `answers`: the reply ended with it.
    """

    utterance: int
    reply: int
    at_ms: int
    ms: int
    went_on: bool = False
    text: str | None = None
    answers: bool = False

    def reply_ended(self, played_ms: int) -> None:
        """The reply ended after `played_ms`: less than were heard where it broke off."""
        self.answers = 0 <= played_ms - self.at_ms <= LAST_MS

    def verdict(self, text: str, policy: TurnPolicy, *, audible: bool) -> OverlapVerdict:
        """What it was, by its final transcript; `audible`: something of the reply was heard.

        Over a reply of which nothing was heard, words interrupt, and so do those of a person who
        goes on: both turns are answered together.
        """
        if not text:
            return OverlapVerdict.NOISE
        if policy.only_sounds(text):
            return OverlapVerdict.TURN if self.answers else OverlapVerdict.LISTENING
        if not audible or self.went_on or policy.confirms(text, self.ms):
            return OverlapVerdict.INTERRUPTION
        return OverlapVerdict.TURN
