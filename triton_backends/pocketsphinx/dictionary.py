"""A pronunciation dictionary, reduced to the words that are needed.

A decoder builds its search over every word of its dictionary: with a language model of 58
sentences, 5 s with the 135,000 words that pocketsphinx brings and 10 ms with those of the model.
"""

import difflib
from collections.abc import Callable, Iterable
from pathlib import Path

from triton_backends.pocketsphinx.grammar import WrittenWord, read_text
from triton_backends.shared.errors import InvalidArgument

MAX_NAMED = 10
"""Unknown words that an error names."""


class Dictionary:
    """The pronunciations of pocketsphinx, and additional ones, which replace them."""

    def __init__(self, base: Path, own: Path | None = None) -> None:
        self._lines: dict[str, list[str]] = {}
        phones: set[str] = set()
        for line in base.read_text(encoding="utf-8").splitlines():
            word, *sounds = line.split()
            self._lines.setdefault(_plain(word), []).append(line)
            phones.update(sounds)
        if own is not None:
            self._add(own, phones)

    def _add(self, own: Path, phones: set[str]) -> None:
        added: dict[str, list[str]] = {}
        for number, line in enumerate(read_text(own).splitlines(), 1):
            word, *sounds = line.split() or [""]
            if not word or word.startswith((";;", "#")):
                continue
            wrong = [sound for sound in sounds if sound not in phones]
            if wrong or not sounds:
                what = f"{wrong[0]!r} is no phone" if wrong else f"{word!r} has no pronunciation"
                known = " ".join(sorted(phones))
                raise InvalidArgument(f"{own}, line {number}: {what}; phones are {known}")
            added.setdefault(_plain(word), []).append(line)
        self._lines |= added

    def __contains__(self, word: str) -> bool:
        return word in self._lines

    def text(self, wanted: Callable[[str], bool] | None = None) -> str:
        """The dictionary's lines, all or those of the wanted words."""
        return "".join(
            f"{line}\n"
            for word, lines in self._lines.items()
            if wanted is None or wanted(word)
            for line in lines
        )

    def require(self, words: Iterable[WrittenWord], path: Path) -> None:
        """Raises InvalidArgument naming the lines of `path` whose words have no pronunciation."""
        unknown = [word for word in words if word.word not in self]
        if not unknown:
            return
        told = "; ".join(f"line {word.line}: {word.word!r}{self._similar(word.word)}"
                         for word in unknown[:MAX_NAMED])  # fmt: skip
        more = f" and {len(unknown) - MAX_NAMED} more" if len(unknown) > MAX_NAMED else ""
        raise InvalidArgument(
            f"{path} has words without a pronunciation: {told}{more}. Write them into a file of "
            "the parameter dictionary"
        )

    def _similar(self, word: str) -> str:
        near = [word.lower()] if word.lower() in self else []
        same_start = (known for known in self._lines if known[:1] == word[:1].lower())
        near = near or difflib.get_close_matches(word.lower(), same_start, n=1, cutoff=0.8)
        return f" (did you mean {near[0]!r}?)" if near else ""


def _plain(word: str) -> str:
    """ "was" of "was(2)", another way to say it."""
    return word.split("(", 1)[0]
