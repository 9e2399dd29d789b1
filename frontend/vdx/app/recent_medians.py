"""How models did lately, from what sessions asked them for."""

from collections import deque
from statistics import median

REMEMBERED = 50
"""Values of a model; older ones say little of how it does now."""


class RecentMedians:
    """The median of each model's last values, to `digits` behind the point.

    It is made when a value is added, once a clause: every route reads those of all models.
    """

    def __init__(self, digits: int) -> None:
        self._digits = digits
        self._values: dict[str, deque[float]] = {}
        self._medians: dict[str, float] = {}

    def add(self, model: str, value: float) -> None:
        values = self._values.setdefault(model, deque(maxlen=REMEMBERED))
        values.append(value)
        self._medians[model] = round(median(values), self._digits)

    def of(self, model: str) -> float | None:
        """None for a model that has no value yet."""
        return self._medians.get(model)
