"""How quick voices are, from the clauses that sessions asked them for."""

from collections import deque
from statistics import median

REMEMBERED = 50
"""Clauses of a voice; older ones say little of how it does now."""


class FirstAudio:
    """Milliseconds from the request to the first chunk, by model."""

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = {}

    def add(self, model: str, ms: float) -> None:
        self._times.setdefault(model, deque(maxlen=REMEMBERED)).append(ms)

    def p50_ms(self, model: str) -> float | None:
        """The median; None for a voice that has not spoken yet."""
        times = self._times.get(model)
        return median(times) if times else None


class RealTimeFactors:
    """Seconds that were waited for a clause's audio, per second of it, by model."""

    def __init__(self) -> None:
        self._factors: dict[str, deque[float]] = {}

    def add(self, model: str, factor: float) -> None:
        self._factors.setdefault(model, deque(maxlen=REMEMBERED)).append(factor)

    def p50(self, model: str) -> float | None:
        """The median to a hundredth; None for a voice that has not spoken yet."""
        factors = self._factors.get(model)
        return round(median(factors), 2) if factors else None
