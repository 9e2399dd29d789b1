"""Which phoneme belongs to which written word, where espeak-ng only gives the whole clause."""

import re
from collections.abc import Callable
from itertools import accumulate

NO_WORD = -1
Phonemize = Callable[[str], str]


def word_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of every written word, in characters."""
    return [match.span() for match in re.finditer(r"\S+", text)]


def words_of(text: str) -> list[int]:
    """For each character of a text the index of its word; NO_WORD for spaces."""
    found = [NO_WORD] * len(text)
    for index, (start, end) in enumerate(word_spans(text)):
        found[start:end] = [index] * (end - start)
    return found


def owners(spoken: str, words: list[str], alone: Phonemize) -> list[int]:
    """For each character of a clause's IPA the index of its word; NO_WORD for spaces.

    Usually every written word is one spoken word. Where a number is spoken as several, or
    several as one, it is decided by how long each word is when `alone` says it by itself.
    """
    found = [NO_WORD] * len(spoken)
    pieces = [match.span() for match in re.finditer(r"[^ ]+", spoken)]
    sounding = [i for i, word in enumerate(words) if any(map(str.isalnum, word))]
    if len(pieces) != len(sounding):
        lengths = [len(alone(word).replace(" ", "")) for word in words]
        sounding = [i for i, length in enumerate(lengths) if length]
        weights = [lengths[i] for i in sounding]
        if len(pieces) >= len(sounding):
            sizes = [end - start for start, end in pieces]
            sounding = [sounding[group] for group in _groups(sizes, weights)] if sounding else []
        else:
            pieces = [(at, at + 1) for at, character in enumerate(spoken) if character != " "]
            sounding = [sounding[part] for part in _parts(len(pieces), weights)]
    for (start, end), word in zip(pieces, sounding, strict=False):
        found[start:end] = [word] * (end - start)
    return found


def _groups(sizes: list[int], weights: list[int]) -> list[int]:
    """Gives each piece to a word, in order, every word at least one, so that the sizes fit best.

    Dynamic programming over (words, pieces); needs at least as many pieces as words.
    """
    before = [0, *accumulate(sizes)]
    best: dict[tuple[int, int], tuple[int, int]] = {(0, 0): (0, 0)}
    for word, weight in enumerate(weights, 1):
        for end in range(word, len(sizes) - len(weights) + word + 1):
            best[word, end] = min(
                (best[word - 1, start][0] + abs(before[end] - before[start] - weight), start)
                for start in range(word - 1, end)
                if (word - 1, start) in best
            )
    found: list[int] = []
    end = len(sizes)
    for word in range(len(weights), 0, -1):
        start = best[word, end][1]
        found[:0] = [word - 1] * (end - start)
        end = start
    return found


def _parts(count: int, weights: list[int]) -> list[int]:
    """Divides `count` characters among words in proportion to their weights."""
    ends = list(accumulate(weights))
    shares = (((at + 0.5) * ends[-1] / count) for at in range(count))
    return [next(i for i, end in enumerate(ends) if share < end) for share in shares]
