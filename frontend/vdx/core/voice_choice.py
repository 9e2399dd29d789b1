"""A voice and a speaker of it, written MODEL or MODEL/SPEAKER."""

from dataclasses import dataclass
from typing import Annotated, Final, Self

from pydantic import Field

MOST_STYLE_CHARS = 150
VoiceInstructions = Annotated[
    str,
    Field(
        max_length=MOST_STYLE_CHARS,
        description="how to speak, in words, for a voice that takes them",
    ),
]


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


def styled(speaker: str, style: str) -> str:
    """A speaker NAME:STYLE, told to speak as `style` says where it says nothing itself."""
    return f"{speaker}:{style}" if style and ":" not in speaker else speaker


NO_VOICE: Final = VoiceChoice("")
"""Of a session in which nothing is said."""
