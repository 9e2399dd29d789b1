"""A model: its requests wait for one of its workers, and are then computed on shared cores."""

import simpy

from vdx.bench.planning.cores import SharedCores

URGENT, USUAL = 0, 1
"""What a turn waits for is computed before what is not needed yet, as models do."""


class Station:
    """`workers` compute at once; who waits is served by urgency, then in order of arrival."""

    def __init__(self, env: simpy.Environment, cores: SharedCores, workers: int) -> None:
        self._cores = cores
        self._workers = simpy.PriorityResource(env, capacity=workers)

    def compute(self, seconds: float, urgency: int = URGENT) -> simpy.events.ProcessGenerator:
        """To be delegated to by a process of the simulation; `seconds` of one core."""
        if seconds <= 0:
            return
        with self._workers.request(priority=urgency) as turn:
            yield turn
            yield self._cores.work(seconds)
