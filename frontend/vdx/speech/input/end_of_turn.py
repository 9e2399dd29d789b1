"""The decision whether a pause ends the turn: how much silence to wait for.

`silence_to_wait` is a pure function of what is known about the pause: what the endpointer heard,
how the words end, whether the recogniser closed them with a full stop, what is being spelled, and
how long the turn has been. These are weighed into the log-odds that the person is done, and the
log-odds are turned into silence: `endpointing.finished_ms` for a turn that is clearly finished,
`endpointing.unfinished_ms` for one that clearly is not. The silence counts from the end of speech,
so that the silence so far needs no place among them: a pause that is longer already ends at once.

The weights are those of a logistic regression on the tuning half of the bench's own corpus, where
ends and pauses weigh alike; `scripts/fit_endpointing.py` makes them, and prints them as they stand
here. What each of them means is said beside it.
"""

import math
import re
from dataclasses import dataclass
from typing import Final

from vdx.core.config import EndpointingConfig
from vdx.speech.input.semantic_endpointing import SPELLED, SemanticEndpointing

SHORTEST_S: Final = 1.5
LONGEST_S: Final = 4.0
"""Seconds of a turn below and beyond which its length says no more: short questions are common, and
the pauses of the recordings that this is fitted on come early in long orders."""
MOST_SURE: Final = 0.995
"""A probability closer to 0 or 1 than this says no more."""

_FULL_STOP: Final = re.compile(r"(?<!\.)[.!?。！？؟।][\"'”’)\]]*\s*$")  # noqa: RUF001
_ASKED: Final = re.compile(r"[?？؟\s]+$")  # noqa: RUF001


@dataclass(frozen=True, slots=True)
class Pause:
    """What is known of a pause.

    `turn_ms` is the speech before it. `text` is None until the recogniser has answered;
    `probability`, 0 to 1 that the person is done, until the endpointer has, or where there is none.
    `done`: the recogniser itself heard that, after the last word (capability `turn_marks`).
    """

    turn_ms: int = 0
    text: str | None = None
    probability: float | None = None
    done: bool = False


@dataclass(frozen=True, slots=True)
class Traits:
    """A pause in numbers.

    `sound`: log-odds of the endpointer's probability. `hanging`: the words need others after them;
    `spelled`: a digit or a letter ends them; `full_stop`: the recogniser closed words that spell
    nothing; each 0 or 1.
    `seconds`: the length of the turn, from SHORTEST_S to LONGEST_S. `brief`: at most ANSWER_WORDS
    words, and nothing is spelled; `one_digit`: a digit or a letter is all there is. `done`: the
    recogniser heard that the person is done.
    """

    sound: float = 0.0
    hanging: float = 0.0
    full_stop: float = 0.0
    spelled: float = 0.0
    seconds: float = 0.0
    brief: bool = False
    one_digit: bool = False
    done: float = 0.0


DONE: Final = 2.5
"""Of an endpointer with MOST_SURE, whose log-odds are 5.3, weighed with 0.48."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What each trait adds to the log-odds that the person is done.

    `base`: of a turn without any. `sound`: below 1, because the endpointer is surer than it is
    right. `hanging`: less than 0; such a word ends hardly any turn. `full_stop`: some, since
    Whisper closes nearly every finished turn, but half of the unfinished ones too; after digits it
    says nothing. `spelled`: more than 0, because numbers are often all of a turn. `seconds`: who
    has spoken for longer has said more of it. `done`: not fitted, for no recogniser that tells it
    was at hand; as much as an endpointer that is sure.
    """

    base: float
    sound: float
    hanging: float = 0.0
    full_stop: float = 0.0
    spelled: float = 0.0
    seconds: float = 0.0
    done: float = DONE


PUNCTUATED: Final = Weights(
    base=-4.63, sound=0.48, hanging=-2.22, full_stop=0.69, spelled=0.7, seconds=1.68
)
"""Where the recogniser punctuates (capability `punctuation`)."""
PLAIN: Final = Weights(base=-4.16, sound=0.49, hanging=-2.54, spelled=0.19, seconds=1.72)
"""Where it does not."""

UNFINISHED_BELOW: Final = -0.5
"""Log-odds at and below which all of `unfinished_ms` is waited for."""
FINISHED_ABOVE: Final = 0.0
"""Log-odds from which on `finished_ms` is enough. Between the two the silence falls evenly in its
logarithm."""

UNSURE_MS: Final = 300
"""The least silence where the endpointer hears that the person goes on: that of before it."""

ANSWER_WORDS: Final = 2
"""So few words may be a whole answer ("yes please"), which the length of a turn speaks against."""
ANSWER_MS: Final = 300
"""The most silence after such an answer, where words and sound call it finished: as much as there
was before anybody listened for the end."""

ONE_DIGIT_MS: Final = 700
"""The most silence after one digit that sounds like an end: it begins a number or is an answer, and
the pauses between spelled digits are seldom longer. On the tuning half one pause of 416 more is
cut, and two of the six digits said alone no longer wait for 1.4 s."""

CLOSED_SOUND: Final = 0.85
"""Log-odds of the endpointer, a probability of 0.7, from which on it hears an end."""
CLOSED_MS: Final = 600
"""The most silence after words that the recogniser closed, that spell nothing and sound like an
end, however short the turn: on the tuning half 2.8 points more cuts, three of four of them mended,
and a finished sentence no longer waits for 1.4 s."""


def log_odds(traits: Traits, weights: Weights) -> float:
    """That the person is done, the logarithm of the odds."""
    return (
        weights.base
        + weights.sound * traits.sound
        + weights.hanging * traits.hanging
        + weights.full_stop * traits.full_stop
        + weights.spelled * traits.spelled
        + weights.seconds * traits.seconds
        + weights.done * traits.done
    )


def silence_to_wait(traits: Traits, weights: Weights, config: EndpointingConfig) -> int:
    """Milliseconds of silence after the end of speech, from `finished_ms` to `unfinished_ms`."""
    odds = log_odds(traits, weights)
    share = (odds - UNFINISHED_BELOW) / (FINISHED_ABOVE - UNFINISHED_BELOW)
    share = min(1.0, max(0.0, share))
    longest, shortest = math.log(config.unfinished_ms), math.log(config.finished_ms)
    silence = round(math.exp(longest + (shortest - longest) * share))
    # In a long turn its length alone would call each breath the end.
    if traits.sound < 0 and not traits.done:
        silence = max(silence, min(UNSURE_MS, config.unfinished_ms))
    return round(min(silence, max(config.finished_ms, _longest_ms(traits))))


def _longest_ms(traits: Traits) -> float:
    """The most silence that a pause which was heard as an end is worth, in ms."""
    if traits.hanging or (traits.sound <= 0 and not traits.done):
        return math.inf
    if traits.brief:
        return ANSWER_MS
    if traits.one_digit and traits.sound >= CLOSED_SOUND:
        return ONE_DIGIT_MS
    closed = traits.full_stop and traits.sound >= CLOSED_SOUND
    return CLOSED_MS if closed else math.inf


class EndOfTurn:
    """The decision with the settings of one session.

    `usual_ms` is `vad.min_silence_duration_ms`; `punctuates` the recogniser's capability.
    """

    def __init__(
        self, language: str, config: EndpointingConfig, usual_ms: int, *, punctuates: bool
    ) -> None:
        self._words = SemanticEndpointing(language)
        self._config = config
        self._usual_ms = usual_ms
        self._punctuates = punctuates

    def silence_ms(self, pause: Pause) -> int:
        """Silence that ends the turn in this pause; 0 is the usual one.

        The words alone decide where the endpointer has not answered. Words that come late are
        waited for: before them there is nothing to answer, and they may be unfinished.
        """
        if pause.text is None:
            return max(self._usual_ms, self._config.unfinished_ms)
        if not pause.text:
            return 0
        if pause.probability is None:
            return self._silence_by_words(pause.text, done=pause.done)
        weights = PUNCTUATED if self._punctuates else PLAIN
        return silence_to_wait(self.traits(pause), weights, self._config)

    def traits(self, pause: Pause) -> Traits:
        """The pause in numbers; what is not known is 0."""
        text = pause.text or ""
        spelled = self._words.spelled(text)
        hanging = spelled < SPELLED and self._words.unfinished(_ASKED.sub("", text))
        closed = self._punctuates and bool(_FULL_STOP.search(text))
        return Traits(
            sound=0.0 if pause.probability is None else _logit(pause.probability),
            hanging=float(hanging),
            full_stop=float(closed and not spelled),
            spelled=float(spelled > 0),
            seconds=min(max(pause.turn_ms / 1000, SHORTEST_S), LONGEST_S),
            done=float(pause.done),
            one_digit=spelled == len(text.split()) == 1,
            brief=bool(text) and not spelled and len(text.split()) <= ANSWER_WORDS,
        )

    def _silence_by_words(self, text: str, *, done: bool) -> int:
        """By the rules on words; a full stop tells a word that may end a phrase from others.

        Words that need others after them are waited for whatever the recogniser heard.
        """
        closed = self._punctuates and bool(_FULL_STOP.search(text))
        if self._words.unfinished(text, closed=closed):
            return self._config.unfinished_ms
        if done:
            return self._config.finished_ms
        one_digit = self._words.spelled(text) == len(text.split()) == 1
        return max(self._usual_ms, self._config.unfinished_ms // 2) if one_digit else 0


def _logit(probability: float) -> float:
    p = min(MOST_SURE, max(1.0 - MOST_SURE, probability))
    return math.log(p / (1.0 - p))
