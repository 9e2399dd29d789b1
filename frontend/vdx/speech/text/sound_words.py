"""What language models call the sounds that they write in brackets: `sound_words.yaml`."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_suffix(".yaml")
OTHER, MANNERS = "other", "manners"


@dataclass(frozen=True, slots=True)
class SoundWords:
    """`kinds`: word -> the kind of sound, empty where no other word names the same."""

    kinds: dict[str, str]
    manners: frozenset[str]

    def name_a_sound(self, words: list[str]) -> bool:
        """Whether they do, and say nothing else."""
        known = all(word in self.kinds or word in self.manners for word in words)
        return known and any(word in self.kinds for word in words)

    def kind(self, words: list[str]) -> str:
        """That of the first word that names a sound; empty for none."""
        return next((self.kinds[word] for word in words if word in self.kinds), "")


@functools.cache
def sound_words() -> SoundWords:
    """The table, of all languages: nothing else stands so in brackets."""
    import yaml

    written: dict[str, str] = yaml.safe_load(FILE.read_text("utf-8"))
    manners = frozenset(written.pop(MANNERS).split())
    kinds = {
        word: "" if kind == OTHER else kind
        for kind, words in written.items()
        for word in words.split()
    }
    return SoundWords(kinds, manners)
