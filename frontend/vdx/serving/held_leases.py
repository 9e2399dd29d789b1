"""The leases of a model manager by the clock of its event loop: taken, renewed, and ended when due.

What a lease is and keeps is `leases.py` and `residency.py`, which have no clock.
"""

import asyncio
from collections.abc import Callable

from vdx.serving.model_gauges import ModelGauges
from vdx.serving.residency import Residency

TIMER_S = 0.01
"""Timers of the event loop may fire a little early: the least time until leases are looked at."""


def _nobody_told() -> None:
    """Leases are known here alone."""


class HeldLeases:
    """Which sessions use which models now; call it from any task of its event loop."""

    def __init__(self, residency: Residency, gauges: ModelGauges) -> None:
        self._residency = residency
        self._gauges = gauges
        self.changed: Callable[[], None] = _nobody_told
        """Called when a lease was taken or ended."""

    def take(self, session: str, model: str) -> None:
        """Keeps a model from being evicted while a session uses it, until it is not renewed."""
        self._residency.lease(session, model, _now())
        self._gauges.publish(model)
        self.changed()

    def renew(self, session: str) -> int:
        """Renews the leases of a session; how many it holds, 0 for one that nobody knows."""
        return self._residency.renew(session, _now())

    def release(self, session: str, model: str) -> bool:
        """Ends a lease; False where there is none."""
        released = self._residency.release(session, model, _now())
        if released:  # any other name may be no model's
            self._gauges.publish(model)
            self.changed()
        return released

    async def run(self) -> None:
        """Ends each lease when it is due, and tells so: no check at intervals comes on top."""
        residency = self._residency
        while True:
            # One that is taken while this waits is due no earlier.
            due_in = residency.next_lease_end - _now()
            await asyncio.sleep(min(max(due_in, TIMER_S), residency.limits.lease_expiry_s))
            held = len(residency.all_leases())
            residency.advance(_now())
            for model in residency.models:
                self._gauges.publish(model.name)
            if len(residency.all_leases()) < held:
                self.changed()


def _now() -> float:
    return asyncio.get_running_loop().time()
