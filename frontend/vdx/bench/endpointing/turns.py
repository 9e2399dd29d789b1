"""A person's turns with their silences: what the bench of endpointing listens to."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from vdx.core.audio import LISTEN_RATE
from vdx.core.events import Pcm

Half = Literal["tuning", "held-back"]

SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS = 200, 5_000
"""Pauses that count, as in the public benchmark; ends of turns count however long they are."""
AFTER_TURN_MS = 4_000
"""Of silence that follows a turn, so that every rule comes to its end."""


@dataclass(frozen=True, slots=True)
class Silence:
    """In ms from the start of the turn's audio; `ends_turn` False: the person goes on."""

    start_ms: float
    end_ms: float
    ends_turn: bool

    @property
    def counts(self) -> bool:
        """Whether a pause is neither too short nor too long to say something; ends always count."""
        length = self.end_ms - self.start_ms
        return self.ends_turn or SHORTEST_PAUSE_MS <= length <= LONGEST_PAUSE_MS


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn: `pcm` is int16 mono at 16 kHz, `silences` those of it that are judged.

    `recording` names what it was made of: intervals are taken over these. `language` is BCP-47.
    """

    id: str
    recording: str
    pcm: Pcm
    silences: tuple[Silence, ...]
    language: str = "en"

    @property
    def seconds(self) -> float:
        return self.pcm.size / LISTEN_RATE


Part = Callable[[], Iterable[Turn]]
"""Reads some turns of a corpus, those of one recording or file."""
