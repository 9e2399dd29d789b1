"""Words that are likely to be said: tokens that continue one of them are made likelier.

A boosting tree over letters instead of tokens, so that it does not matter into which tokens a model
cuts a word, and no tokenizer is needed. A match earns `PER_LETTER` for each letter (icefall's
context graph gives 1.5 a token, which has about three); a word that is not finished earns nothing
in the end.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

PER_LETTER = 0.5
"""Of natural logarithm of probability."""
FIRST = 0.5
"""Part of it for the token that a word begins with: many other words begin with it too."""
MOST = 5.0
"""For one token."""
MOST_PHRASES = 200
SEPARATOR = ","


class Vocabulary(Protocol):
    """The tokens of a model."""

    def __len__(self) -> int: ...

    def text(self, number: int, /) -> bytes:
        """What a token adds to a text, in UTF-8."""
        ...


class Spelling:
    """The tokens of a model by what they are written as, in lower case."""

    def __init__(self, tokens: Vocabulary) -> None:
        self._by_text: dict[str, list[int]] = {}
        for number in range(len(tokens)):
            text = tokens.text(number).decode("utf-8", errors="ignore").lower()
            if text:
                self._by_text.setdefault(text, []).append(number)
        self._longest = max(map(len, self._by_text), default=0)
        self._text = {each: text for text, all_ in self._by_text.items() for each in all_}

    def text(self, token: int) -> str:
        return self._text.get(token, "")

    def starts(self, rest: str) -> Iterator[tuple[str, list[int]]]:
        """What tokens `rest` can begin with, and their numbers."""
        for length in range(1, min(len(rest), self._longest) + 1):
            if numbers := self._by_text.get(rest[:length]):
                yield rest[:length], numbers

    def can_spell(self, phrase: str) -> bool:
        """Whether some tokens in a row are written as `phrase`."""
        reached = {0}
        for place in range(len(phrase)):
            if place in reached:
                reached |= {place + len(text) for text, _ in self.starts(phrase[place:])}
        return len(phrase) in reached


@dataclass(frozen=True, slots=True)
class HotWords:
    """Phrases as tokens write them, and those that no tokens write."""

    spelling: Spelling
    phrases: tuple[str, ...]
    unknown: tuple[str, ...] = ()

    @classmethod
    def of(cls, spelling: Spelling, prompt: str) -> "HotWords":
        """Phrases with commas between them, at most `MOST_PHRASES`."""
        said = [" ".join(each.lower().split()) for each in prompt.split(SEPARATOR)]
        known, unknown = list[str](), list[str]()
        for phrase in dict.fromkeys(filter(None, said)):
            # Scripts without spaces have tokens that begin without one.
            spelt = next((p for p in (f" {phrase}", phrase) if spelling.can_spell(p)), None)
            if spelt is None or len(known) == MOST_PHRASES:
                unknown.append(phrase)
            else:
                known.append(spelt)
        return cls(spelling, tuple(known), tuple(unknown))


@dataclass(frozen=True, slots=True)
class Match:
    """Letters of a phrase that were said, and what follows."""

    phrase: str
    said: int

    @property
    def worth(self) -> float:
        return PER_LETTER * sum(letter != " " for letter in self.phrase[: self.said])


@dataclass(frozen=True)
class Matches:
    """Which phrases have begun after some tokens; immutable.

    `bonuses` are what each token would gain; `worth` what a path with these tokens has gained.
    """

    words: HotWords
    begun: tuple[Match, ...] = ()
    finished: float = 0.0
    bonuses: dict[int, float] = field(default_factory=dict)

    @classmethod
    def start(cls, words: HotWords) -> "Matches":
        return cls._with(words, (), 0.0)

    @classmethod
    def _with(cls, words: HotWords, begun: tuple[Match, ...], finished: float) -> "Matches":
        bonuses: dict[int, float] = {}
        for match in (*begun, *(Match(phrase, 0) for phrase in words.phrases)):
            share = 1.0 if match.said else FIRST
            for text, tokens in words.spelling.starts(match.phrase[match.said :]):
                after = Match(match.phrase, match.said + len(text))
                bonus = min(share * (after.worth - match.worth), MOST)
                for token in tokens:
                    bonuses[token] = max(bonuses.get(token, 0.0), bonus)
        return cls(words, begun, finished, bonuses)

    @property
    def worth(self) -> float:
        return self.finished + max((match.worth for match in self.begun), default=0.0)

    def after(self, token: int) -> "Matches":
        """What has begun once this token is said too."""
        text = self.words.spelling.text(token)
        if not text:
            return self
        tried = (*self.begun, *(Match(phrase, 0) for phrase in self.words.phrases))
        reached = {
            Match(match.phrase, match.said + len(text))
            for match in tried
            if match.phrase.startswith(text, match.said)
        }
        done = [match for match in reached if match.said == len(match.phrase)]
        begun = tuple(match for match in reached if match.said < len(match.phrase))
        finished = self.finished + max((match.worth for match in done), default=0.0)
        return self._with(self.words, begun, finished)
