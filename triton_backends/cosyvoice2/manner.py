"""How a voice is to speak, in words: what SPEAKER says behind the name of a voice."""

from dataclasses import dataclass

END_OF_PROMPT = "<|endofprompt|>"
"""The mark behind an instruction that the model was trained with."""
MARKS = ("<|", "|>")
MOST_CHARACTERS = 150


@dataclass(frozen=True, slots=True)
class Manner:
    """A SPEAKER `name:style`, either of which may be missing; `style` is an instruction."""

    name: str
    style: str

    @classmethod
    def of(cls, speaker: str) -> "Manner":
        name, _, style = speaker.partition(":")
        return cls(name.strip(), style.strip())

    @property
    def prompt(self) -> str:
        """The instruction as the model is given it; empty where there is none."""
        return f"{self.style}{END_OF_PROMPT}" if self.style else ""
