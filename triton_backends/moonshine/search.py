"""Greedy search that begins with what was heard before.

The draft, the tokens of an earlier search over less sound, is given to the decoder in one run. What
it would have chosen itself stays; only the rest is generated, token by token. The result is that of
a search without a draft.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from triton_backends.moonshine.audio_encoder import Memory
from triton_backends.moonshine.decoder import Answer, Decoder, Scores
from triton_backends.shared.hot_words import HotWords, Matches


@dataclass(slots=True)
class DecodedTokens:
    """Tokens, the logarithm of each one's probability, and the frames each attends to."""

    tokens: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    attention: list[NDArray[np.float32]] = field(default_factory=list)
    """[frames] of each token; empty where the decoder does not tell."""


class GreedySearch:
    """One search over one memory; `words` are made likelier where a token is emitted at all."""

    def __init__(
        self, decoder: Decoder, words: HotWords | None, should_stop: Callable[[], bool]
    ) -> None:
        self._decoder = decoder
        self._matches = Matches.start(words) if words and words.phrases else None
        self._should_stop = should_stop
        self._said = DecodedTokens()

    def __call__(
        self, memory: Memory, most: int, draft: Sequence[int] = (), fixed: int = 0
    ) -> DecodedTokens | None:
        """At most `most` tokens; None where it was stopped.

        The first `fixed` tokens of the draft stay as they are.
        """
        decoder, said = self._decoder, self._said
        draft = list(draft[:most])
        answer = decoder.run([decoder.begin, *draft], decoder.start(memory))
        token = self._verify(answer, draft, fixed)
        row = len(said.tokens)
        cache = decoder.cut(answer.cache, 1 + row)
        while token != decoder.end and len(said.tokens) < most:
            if self._should_stop():
                return None
            self._take(token, answer, row)
            answer, row = decoder.run([token], cache), 0
            cache = answer.cache
            token = self._choose(answer.scores[0])
        return said

    def _verify(self, answer: Answer, draft: list[int], fixed: int) -> int:
        """Take what of the draft the decoder chose too; returns the token that comes then."""
        for row, drafted in enumerate(draft):
            token = self._choose(answer.scores[row])
            if row >= fixed and token != drafted:
                return token
            self._take(drafted, answer, row)
        return self._choose(answer.scores[len(draft)])

    def _choose(self, scores: Scores) -> int:
        """Hot words decide which token comes, not whether one does."""
        token = int(scores.argmax())
        if self._matches is None or token == self._decoder.end:
            return token
        raised = scores.copy()
        for each, bonus in self._matches.bonuses.items():
            raised[each] += bonus
        raised[self._decoder.end] = -np.inf
        return int(raised.argmax())

    def _take(self, token: int, answer: Answer, row: int) -> None:
        """Row `row` of the answer is what the token was chosen by."""
        scores = answer.scores[row]
        peak = float(scores.max())
        total = float(np.exp(scores - peak).sum())
        self._said.tokens.append(token)
        self._said.log_probabilities.append(float(scores[token]) - peak - float(np.log(total)))
        if answer.attention is not None:
            self._said.attention.append(answer.attention[row])
        self._matches = self._matches and self._matches.after(token)
