"""Who is decoded next: the scheduler's own code with a scripted engine, on virtual time.

A Scheduler without threads computes in the call that submits. The engine's steps move the clock,
and what arrives meanwhile is submitted then, as it would be by another thread.
"""

import heapq
import random
from dataclasses import dataclass, field

import pytest

from triton_backends.shared.decode_queue import DecodeQueue, Urgency, Work
from triton_backends.shared.scheduler import Scheduler, ShouldStop

PARTIAL, AUDIO, SPECULATIVE, FINAL = Urgency


@dataclass(frozen=True)
class Decode:
    """What the scripted engine computes: `steps` of `step_s` seconds."""

    name: str
    steps: int = 1
    step_s: float = 0.1


@dataclass(eq=False)
class Timeline:
    """One scripted engine; `log` has (seconds, what happened)."""

    max_batch: int = 1
    now: float = 0.0
    log: list[tuple[float, str]] = field(default_factory=list)
    arrivals: list[tuple[float, int, Work[Decode, str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.scheduler: Scheduler[Decode, str] = Scheduler(
            self.compute, 0, self.max_batch, clock=lambda: self.now
        )

    def arrive(
        self, at: float, decode: Decode, urgency: Urgency, key: str | None = None
    ) -> Work[Decode, str]:
        work: Work[Decode, str] = Work(decode, urgency, key)
        heapq.heappush(self.arrivals, (at, len(self.arrivals), work))
        return work

    def run(self) -> list[str]:
        """Everything that was announced; what was begun and ended, in order."""
        while self.arrivals:
            self.now = max(self.now, self.arrivals[0][0])
            self.scheduler.submit(heapq.heappop(self.arrivals)[2])
        return [entry for _, entry in self.log]

    def compute(self, decodes: list[Decode], should_stop: ShouldStop) -> list[str] | None:
        names = "+".join(decode.name for decode in decodes)
        self.note(f"begin {names}")
        for step in range(max(decode.steps for decode in decodes)):
            if step and should_stop():
                self.note(f"abandon {names}")
                return None
            self.pass_time(max(decode.step_s for decode in decodes))
        self.note(f"end {names}")
        return [decode.name for decode in decodes]

    def pass_time(self, seconds: float) -> None:
        until = self.now + seconds
        while self.arrivals and self.arrivals[0][0] <= until:
            self.now = max(self.now, self.arrivals[0][0])
            self.scheduler.submit(heapq.heappop(self.arrivals)[2])
        self.now = until

    def note(self, what: str) -> None:
        self.log.append((round(self.now, 3), what))

    def when(self, what: str) -> float:
        [seconds] = [at for at, entry in self.log if entry == what]
        return seconds


def begun(log: list[str]) -> list[str]:
    return [entry.removeprefix("begin ") for entry in log if entry.startswith("begin ")]


def test_finals_first_then_flushes_then_audio_then_partials() -> None:
    timeline = Timeline()
    timeline.arrive(0.0, Decode("busy"), FINAL)
    for urgency in (PARTIAL, AUDIO, SPECULATIVE, FINAL):
        timeline.arrive(0.05, Decode(urgency.name), urgency)
    assert begun(timeline.run()) == ["busy", "FINAL", "SPECULATIVE", "AUDIO", "PARTIAL"]


def test_of_two_alike_the_one_that_waited_longer() -> None:
    timeline = Timeline()
    timeline.arrive(0.0, Decode("busy"), FINAL)
    for number in range(4):
        timeline.arrive(0.01 + number / 100, Decode(str(number)), SPECULATIVE)
    assert begun(timeline.run()) == ["busy", "0", "1", "2", "3"]


def test_an_end_behind_a_flush_makes_it_a_final() -> None:
    timeline = Timeline()
    timeline.arrive(0.0, Decode("busy"), FINAL)
    timeline.arrive(0.01, Decode("first"), SPECULATIVE)
    second = timeline.arrive(0.02, Decode("second"), SPECULATIVE)
    compute = timeline.scheduler._compute

    def hurry(decodes: list[Decode], should_stop: ShouldStop) -> list[str] | None:
        found = compute(decodes, should_stop)
        timeline.scheduler.raise_urgency(second, FINAL)
        return found

    timeline.scheduler._compute = hurry
    assert begun(timeline.run()) == ["busy", "second", "first"]


def test_a_flush_ends_a_partial_at_its_next_step() -> None:
    timeline = Timeline()
    partial = timeline.arrive(0.0, Decode("partial", steps=5), PARTIAL)
    timeline.arrive(0.15, Decode("flush"), SPECULATIVE)
    log = timeline.run()
    assert log == ["begin partial", "abandon partial", "begin flush", "end flush"]
    assert partial.result.result() is None
    assert timeline.when("end flush") == pytest.approx(0.3), "the step under way and its own"


def test_audio_ends_no_partial() -> None:
    timeline = Timeline()
    timeline.arrive(0.0, Decode("partial", steps=3), PARTIAL)
    timeline.arrive(0.05, Decode("audio"), AUDIO)
    assert timeline.run() == ["begin partial", "end partial", "begin audio", "end audio"]


def test_a_recording_goes_on_after_every_turn_that_came_meanwhile() -> None:
    timeline = Timeline()
    recording = timeline.arrive(0.0, Decode("recording", steps=10), AUDIO)
    timeline.arrive(0.25, Decode("flush"), SPECULATIVE)
    timeline.arrive(0.27, Decode("final"), FINAL)
    timeline.arrive(0.72, Decode("late"), FINAL)
    log = timeline.run()
    assert begun(log) == ["recording", "final", "flush", "late"]
    assert log[-1] == "end recording"
    assert recording.result.result() == "recording"
    assert timeline.when("end final") == pytest.approx(0.4)
    assert timeline.when("end recording") == pytest.approx(1.3), "nothing is computed twice"
    assert (recording.started_at, recording.finished_at) == (0.0, pytest.approx(1.3))


def test_a_recording_that_became_a_final_is_not_interrupted_any_more() -> None:
    timeline = Timeline()
    recording = timeline.arrive(0.0, Decode("recording", steps=4), AUDIO)
    timeline.arrive(0.05, Decode("flush"), SPECULATIVE)
    timeline.scheduler.raise_urgency(recording, FINAL)
    assert begun(timeline.run()) == ["recording", "flush"]
    assert timeline.when("end recording") == pytest.approx(0.4)


def test_recordings_and_live_audio_take_turns() -> None:
    """As `Sequences` decodes them: a piece at a time, then back to the end of the queue."""
    queue: DecodeQueue[str, None] = DecodeQueue(slots=1, max_batch=1)
    left = {"recording": 4, "other recording": 3, "live": 2}
    for name in left:
        queue.add(Work(name, AUDIO))
    order = []
    while batch := queue.take():
        name = batch[0].item
        order.append(name)
        left[name] -= 1
        if left[name]:
            queue.add(Work(name, AUDIO))
    first = ["recording", "other recording", "live"]
    assert order == [*first, *first, "recording", "other recording", "recording"]


def test_what_waits_together_is_one_batch_of_equal_windows() -> None:
    timeline = Timeline(max_batch=3)
    timeline.arrive(0.0, Decode("busy"), FINAL, "10 s")
    timeline.arrive(0.01, Decode("flush"), SPECULATIVE, "10 s")
    for number in range(4):
        timeline.arrive(0.02, Decode(f"f{number}"), FINAL, "10 s")
    timeline.arrive(0.03, Decode("longer"), FINAL, "15 s")
    timeline.arrive(0.04, Decode("partial"), PARTIAL, "10 s")
    timeline.arrive(0.05, Decode("audio"), AUDIO, "10 s")
    batches = begun(timeline.run())
    assert batches == ["busy", "f0+f1+f2", "f3+flush", "longer", "audio", "partial"]


def test_works_without_a_key_are_computed_alone() -> None:
    timeline = Timeline(max_batch=8)
    timeline.arrive(0.0, Decode("busy"), FINAL)
    for name in "abc":
        timeline.arrive(0.01, Decode(name), FINAL)
    assert begun(timeline.run()) == ["busy", "a", "b", "c"]


def test_those_that_wait_are_divided_among_the_threads() -> None:
    queue: DecodeQueue[int, None] = DecodeQueue(slots=2, max_batch=8)
    for number in range(6):
        queue.add(Work(number, AUDIO, "10 s"))
    assert [work.item for work in queue.take()] == [0, 1, 2]
    assert [work.item for work in queue.take()] == [3, 4]
    assert [work.item for work in queue.take()] == [5]
    assert queue.take() == []


@pytest.mark.parametrize("seed", range(20))
def test_no_urgent_work_waits_for_more_than_the_step_and_the_batches_before_it(seed: int) -> None:
    """Any mixture: everything ends once, and nothing less urgent begins while urgent work waits."""
    chance = random.Random(seed)
    timeline = Timeline(max_batch=4)
    works = []
    for number in range(40):
        urgency = chance.choice(list(Urgency))
        decode = Decode(str(number), chance.randint(1, 6), 0.02)
        key = chance.choice(["10 s", "15 s", None])
        at = chance.uniform(0, 2)
        works.append((at, timeline.arrive(at, decode, urgency, key)))
    timeline.run()
    assert all(work.result.done() for _, work in works)
    assert all(
        work.result.result() == work.item.name for _, work in works if work.urgency is not PARTIAL
    )
    for at, urgent in ((at, work) for at, work in works if work.urgent):
        overtaking = [
            other.item.name
            for _, other in works
            if not other.urgent and at < other.started_at < urgent.started_at
        ]
        assert overtaking == []
