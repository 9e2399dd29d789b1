"""Counts one request of a session for the update of its model, where one is on trial."""

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vdx.core.errors import ModelBusy, RequestCancelled, TritonError, TritonUnavailable

if TYPE_CHECKING:
    from vdx.app.model_updates import ModelUpdates

NOT_THE_MODELS = (ModelBusy, RequestCancelled, TritonUnavailable)
"""Errors that say nothing of a version: it is asked again, was cut off, or its server is gone."""


class CountedRequest:
    """A context of one clause, timed to its first audio, or of one utterance, timed from its end.

    One that ends before it was answered, because nobody wants it any more, is not counted.
    """

    def __init__(self, updates: "ModelUpdates", model: str) -> None:
        self._updates = updates
        self._model = model
        self._stats = updates.stats_of(model)
        self._asked = _now()
        self._ms: float | None = None

    def asked(self) -> None:
        """The time counts from now."""
        self._asked = _now()

    def answered(self) -> None:
        """The first audio, or the final transcript, is there; what comes later is not timed."""
        if self._ms is None:
            self._ms = 1000 * (_now() - self._asked)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.over(error)

    def over(self, error: BaseException | None) -> None:
        """The request has ended; what is told of it later is not counted."""
        stats, self._stats = self._stats, None
        if stats is None:
            return
        if isinstance(error, TritonError) and not isinstance(error, NOT_THE_MODELS):
            stats.add(None)
        elif self._ms is not None:
            stats.add(self._ms)
        else:
            return
        self._updates.counted(self._model)


def _now() -> float:
    return asyncio.get_running_loop().time()
