"""When audio is due: after how many tokens the next piece of it is computed.

The schedule of the official stream (`CosyVoice2Model.tts`), with a state of its own for each
request: there the hop is kept on the model and never reset, so that after the first request every
later one begins with four seconds.
"""

FIRST, GROWTH, LARGEST = 25, 2, 100
"""Tokens, 40 ms each. FIRST is the chunk that the model was trained to attend in."""
LOOK_AHEAD = 3
"""Tokens after a piece that its computation reads."""


class Hops:
    """The state of one text; `prompt_tokens` are those of the recording before it."""

    def __init__(
        self,
        prompt_tokens: int,
        first: int = FIRST,
        growth: int = GROWTH,
        largest: int = LARGEST,
        look_ahead: int = LOOK_AHEAD,
    ) -> None:
        self.done = 0
        """Tokens whose audio is computed."""
        self._hop = first
        self._growth = growth
        self._largest = max(first, largest)
        self._look_ahead = look_ahead
        # With the prompt's the first piece ends where a chunk of the model's attention does.
        self._next = first + -prompt_tokens % first

    def due(self, tokens: int) -> bool:
        """Whether so many tokens are enough for the next piece."""
        return tokens >= self.done + self._next + self._look_ahead

    def take(self) -> tuple[int, int]:
        """The next piece: the token that it begins with, and how many tokens it reads in all."""
        start = self.done
        self.done += self._next
        self._hop = self._next = min(self._hop * self._growth, self._largest)
        return start, self.done + self._look_ahead
