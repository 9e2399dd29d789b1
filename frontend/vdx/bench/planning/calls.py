"""Simulates calls on one machine: each speaks, is heard, answered and spoken to, over and over.

A simulated turn is a measured one, drawn at random, whose computations wait for one another:

- While the person speaks the recogniser works every PARTIAL_S; while the answer is heard the voice
  does, for each WINDOW_S of audio. What they do for the turn itself (FLUSH, first audio) comes
  first.
- A stage that waited for another one moves by as much as that one came later, less the time that
  was to spare (`Lags`).
- Frames of audio are many and short: they slow everything else down by what they take.
"""

import random
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import simpy

from vdx.bench.planning.cores import SharedCores
from vdx.bench.planning.costs import Costs, Turn
from vdx.bench.planning.station import USUAL, Station
from vdx.bench.turn_cost import CLIENTS
from vdx.core.errors import InvalidInput

PARTIAL_S: Final = 0.25
WINDOW_S: Final = 1.0
WARM_UP: Final = 0.1
"""Share of the turns that are left out at the begin."""
FULLEST: Final = 0.97
"""Share of the cores that may be busy; beyond it queues only grow."""


@dataclass(frozen=True, slots=True)
class Machine:
    """`cores` and `gpus` of one machine; models compute on its GPUs where it has any."""

    cores: float
    gpus: int = 0
    users_here: bool = False
    """The callers run on it too, as those of a bench do."""
    pause_s: float = 0.0
    """Silence between turns, beyond that of the measured ones."""


@dataclass(frozen=True, slots=True)
class Lags:
    """The least time that the end of a turn came after what it waits for, in ms."""

    transcript: float
    endpointer: float

    @classmethod
    def of(cls, turns: tuple[Turn, ...]) -> "Lags":
        after = [max(0.0, t.stages["endpoint"] - t.transcript_ms) for t in turns]
        asked = [t for t in turns if "endpointer" in t.stages]
        judged = [max(0.0, t.stages["endpoint"] - t.stages["endpointer"]) for t in asked]
        return cls(min(after, default=0.0), min(judged, default=0.0))


@dataclass(slots=True)
class Outcome:
    """What so many calls at once came to; times in ms."""

    calls: int
    gaps: list[float] = field(default_factory=list)
    replies: int = 0
    dry: int = 0
    """Replies whose audio came later than it was to be heard."""
    busy: float = 0.0
    """Share of the cores, or of the GPUs where they are busier."""
    full: bool = False
    """There is more to do than can be done: nothing else was simulated."""

    def gap(self, percent: float) -> float:
        """A percentile; infinite where the machine is full."""
        return float(np.percentile(self.gaps, percent)) if self.gaps else float("inf")

    @property
    def dry_share(self) -> float:
        return self.dry / self.replies if self.replies else 0.0


def demand(costs: Costs, machine: Machine) -> tuple[float, float]:
    """Cores and GPUs that one call takes on average."""
    cycle = costs.wall + machine.pause_s
    parts = dict(costs.cpu)
    if not machine.users_here:
        parts.pop(CLIENTS, None)
    return sum(parts.values()) / cycle, (costs.gpu or 0.0) / cycle


def simulate(costs: Costs, machine: Machine, calls: int, turns: int, seed: int = 1) -> Outcome:
    """`calls` at once until about `turns` turns are over.

    Raises:
        InvalidInput: the machine has GPUs and the costs do not say what a call takes of one.
    """
    if machine.gpus and costs.gpu is None:
        raise InvalidInput("the figures do not say what a call takes of a GPU", param="gpus")
    cores, gpus = demand(costs, machine)
    busy = (calls * cores + costs.idle) / machine.cores
    if machine.gpus:
        busy = max(busy, calls * gpus / machine.gpus)
    if busy > FULLEST:
        return Outcome(calls, busy=busy, full=True)
    return _Simulation(costs, machine, calls, seed).run(turns, busy)


class _Simulation:
    def __init__(self, costs: Costs, machine: Machine, calls: int, seed: int) -> None:
        self._costs, self._machine = costs, machine
        self._chance = random.Random(seed)  # noqa: S311  # nosec B311  (a repeatable choice)
        self._lags = Lags.of(costs.turns)
        self._env = env = simpy.Environment()
        self._outcome = Outcome(calls)
        small = costs.cpu["frontend"] + costs.cpu["Triton"]
        small += costs.cpu[CLIENTS] if machine.users_here else 0.0
        if machine.gpus:
            small += sum(costs.cpu[part] for part in ("recogniser", "voice", "other models"))
        cycle = costs.wall + machine.pause_s
        taken = costs.idle + calls * small / cycle
        shared, workers = SharedCores(env, machine.cores, taken), int(machine.cores)
        if machine.gpus:
            shared, workers = SharedCores(env, machine.gpus), machine.gpus
        self._recogniser = Station(env, shared, max(1, workers))
        self._voice = Station(env, shared, max(1, workers))
        self._endpointer = Station(env, shared, max(1, workers))
        self._partial_s, self._window_s = self._background()

    def _background(self) -> tuple[float, float]:
        """Seconds of work of one partial transcript and of one window of a reply."""
        costs, turns = self._costs, self._costs.turns
        flush = float(np.mean([_flush_s(turn) for turn in turns]))
        first = float(np.mean([_first_audio_s(turn) for turn in turns]))
        recogniser, voice = costs.cpu["recogniser"], costs.cpu["voice"]
        if self._machine.gpus:
            whole = max(recogniser + voice, 1e-9)
            gpu = costs.gpu or 0.0
            recogniser, voice = gpu * recogniser / whole, gpu * voice / whole
        partials = float(np.mean([max(1, int(t.speech_s / PARTIAL_S)) for t in turns]))
        windows = float(np.mean([max(1, int(t.reply_s / WINDOW_S)) for t in turns]))
        return max(0.0, recogniser - flush) / partials, max(0.0, voice - first) / windows

    def run(self, turns: int, busy: float) -> Outcome:
        calls = self._outcome.calls
        for number in range(calls):
            self._env.process(self._call(number / calls * self._costs.wall))
        cycle = self._costs.wall + self._machine.pause_s
        self._env.run(until=cycle * (1 + max(2.0, turns / calls)))
        outcome = self._outcome
        del outcome.gaps[: int(WARM_UP * len(outcome.gaps))]
        outcome.busy = busy
        return outcome

    def _call(self, begin: float) -> simpy.events.ProcessGenerator:
        env, costs = self._env, self._costs
        yield env.timeout(begin + self._chance.uniform(0, costs.wall / self._outcome.calls))
        while True:
            began = env.now
            turn = self._chance.choice(costs.turns)
            yield from self._hear(turn)
            gap = yield env.process(self._answer(turn))
            self._outcome.gaps.append(gap * 1000)
            yield from self._speak(turn)
            rest = costs.wall + self._machine.pause_s - (env.now - began)
            yield env.timeout(max(0.0, rest * self._chance.uniform(0.8, 1.2)))

    def _hear(self, turn: Turn) -> simpy.events.ProcessGenerator:
        for _ in range(max(1, int(turn.speech_s / PARTIAL_S))):
            self._env.process(self._recogniser.compute(self._partial_s, USUAL))
            yield self._env.timeout(min(PARTIAL_S, turn.speech_s))

    def _answer(self, turn: Turn) -> simpy.events.ProcessGenerator:
        """The stages after the end of speech; returns the gap in seconds."""
        env, at = self._env, turn.stages
        began = env.now
        noticed = max(0.0, at["pause_noticed"]) / 1000
        yield env.timeout(noticed)
        waiting = [env.process(self._later(self._recogniser, _flush_s(turn)))]
        if "endpointer" in at:
            asked = max(0.0, at["endpointer"] - at["pause_noticed"]) / 1000
            waiting.append(env.process(self._later(self._endpointer, asked)))
        heard = yield waiting[0]
        late = heard - began - max(noticed, turn.transcript_ms / 1000)
        spoken = env.process(self._first_audio(turn, late))
        end = max(at["endpoint"] / 1000, heard - began + self._lags.transcript / 1000)
        if len(waiting) > 1:
            judged = yield waiting[1]
            end = max(end, judged - began + self._lags.endpointer / 1000)
        first = (yield spoken) - began
        usual = max(at["endpoint"], at["first_voice"])
        # What came after the later of the two, the way to the person, and what the server's idea
        # of the end of speech differs from theirs.
        rest = ((turn.gap_ms or 0.0) - usual) / 1000
        return max(0.0, max(end, first) + rest)

    def _later(self, station: Station, seconds: float) -> simpy.events.ProcessGenerator:
        yield from station.compute(seconds)
        return self._env.now

    def _first_audio(self, turn: Turn, late: float) -> simpy.events.ProcessGenerator:
        """Called when the transcript is there, `late` seconds after its measured time."""
        at = turn.stages
        after = at["endpoint"] if at["first_text"] >= at["endpoint"] else 0.0
        before = max(after, turn.transcript_ms)
        text = max(0.0, at["first_text"] - turn.transcript_ms) / 1000
        if after:  # the reply began with the end of the turn, which may have had time to spare
            text = max((at["first_text"] - before) / 1000, text - max(0.0, late))
        yield self._env.timeout(text)
        yield from self._voice.compute(_first_audio_s(turn))
        return self._env.now

    def _speak(self, turn: Turn) -> simpy.events.ProcessGenerator:
        """The rest of the reply, computed ahead of what is heard."""
        env, began = self._env, self._env.now
        self._outcome.replies += 1
        dry = False
        for number in range(max(1, int(turn.reply_s / WINDOW_S))):
            yield from self._voice.compute(self._window_s, USUAL)
            dry = dry or env.now - began > (number + 1) * WINDOW_S
        self._outcome.dry += dry
        yield env.timeout(max(0.0, turn.reply_s - (env.now - began)))


def _flush_s(turn: Turn) -> float:
    """The recogniser's work between the pause and the transcript."""
    return max(0.0, turn.transcript_ms - turn.stages["pause_noticed"]) / 1000


def _first_audio_s(turn: Turn) -> float:
    """The voice's work between the first words and the first audio."""
    return max(0.0, turn.stages["first_voice"] - turn.stages["first_text"]) / 1000
