"""A voice and a speaker of it, written MODEL or MODEL/SPEAKER."""

from dataclasses import dataclass
from typing import Final, Self


@dataclass(frozen=True, slots=True)
class VoiceChoice:
    """`model` is a model id; `speaker` is empty for the model's own default.

    One value, because a speaker belongs to one model.
    """

    model: str
    speaker: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads MODEL or MODEL/SPEAKER."""
        model, _, speaker = text.partition("/")
        return cls(model, speaker)

    def __str__(self) -> str:
        return f"{self.model}/{self.speaker}" if self.speaker else self.model


NO_VOICE: Final = VoiceChoice("")
"""Of a session in which nothing is said."""
