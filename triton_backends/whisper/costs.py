"""Whether this machine is quick enough for partial transcripts with this model."""

import time

LONGEST_S = 0.4
"""A partial that takes longer is likely to be under way when the speaker pauses, and in the way."""
TRY_AGAIN_S = 30.0


class PartialCosts:
    """Shared by all utterances of a model; what one partial took decides on the next."""

    def __init__(self) -> None:
        self._last_s = 0.0
        self._tried = 0.0

    def affordable(self) -> bool:
        """Whether to make a partial now; a slow machine is tried again after a while."""
        now = time.monotonic()
        if self._last_s > LONGEST_S and now - self._tried < TRY_AGAIN_S:
            return False
        self._tried = now
        return True

    def took(self, began: float, ended: float) -> float:
        """Take note of a partial's time; returns it in seconds."""
        self._last_s = ended - began
        return self._last_s
