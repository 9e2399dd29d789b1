"""The scheduler's threads: results, failures, withdrawal and the end."""

import threading
from collections.abc import Iterator

import pytest

from triton_backends.shared.decode_queue import Urgency, Work
from triton_backends.shared.errors import Unavailable
from triton_backends.shared.scheduler import Scheduler, ShouldStop

WAIT_S = 30


class Scripted:
    """Computes when it is let; remembers the batches."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.go = threading.Semaphore(0)
        self.begun = threading.Semaphore(0)
        self.stopped = False

    def __call__(self, items: list[str], should_stop: ShouldStop) -> list[str] | None:
        self.batches.append(items)
        self.begun.release()
        assert self.go.acquire(timeout=WAIT_S)
        if should_stop():
            self.stopped = True
            return None
        return [item.upper() for item in items]


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    engine = Scripted()
    yield engine
    engine.go.release(100)


def work(name: str, urgency: Urgency = Urgency.FINAL, key: str = "") -> Work[str, str]:
    return Work(name, urgency, key)


def test_results_reach_those_who_wait(scripted: Scripted) -> None:
    scheduler = Scheduler(scripted, slots=2, max_batch=8)
    works = [work("a", key="1"), work("b", key="2")]
    for each in works:
        scheduler.submit(each)
        assert scripted.begun.acquire(timeout=WAIT_S), "both are computed at once"
    scripted.go.release(2)
    assert [each.result.result(WAIT_S) for each in works] == ["A", "B"]
    scheduler.close()


def test_a_partial_half_done_gives_way(scripted: Scripted) -> None:
    scheduler = Scheduler(scripted, slots=1)
    partial, final = work("partial", Urgency.PARTIAL), work("final")
    scheduler.submit(partial)
    assert scripted.begun.acquire(timeout=WAIT_S)
    scheduler.submit(final)
    scripted.go.release(2)
    assert partial.result.result(WAIT_S) is None
    assert final.result.result(WAIT_S) == "FINAL"
    assert scripted.stopped
    scheduler.close()


def test_urgent_work_is_computed_in_the_middle_of_a_recording(scripted: Scripted) -> None:
    scheduler = Scheduler(scripted, slots=1)
    audio, final = work("audio", Urgency.AUDIO), work("final")
    scheduler.submit(audio)
    assert scripted.begun.acquire(timeout=WAIT_S)
    scheduler.submit(final)
    scripted.go.release(2)
    assert final.result.result(WAIT_S) == "FINAL"
    assert audio.result.result(WAIT_S) == "AUDIO"
    assert not scripted.stopped
    scheduler.close()


def test_what_is_withdrawn_is_never_computed(scripted: Scripted) -> None:
    scheduler = Scheduler(scripted, slots=1)
    running, stale = work("running"), work("stale")
    scheduler.submit(running)
    assert scripted.begun.acquire(timeout=WAIT_S)
    scheduler.submit(stale)
    assert scheduler.withdraw(stale)
    assert stale.result.cancelled()
    assert not scheduler.withdraw(running)
    scripted.go.release()
    assert running.result.result(WAIT_S) == "RUNNING"
    scheduler.close()
    assert scripted.batches == [["running"]]


def test_a_failure_is_the_result_of_the_whole_batch() -> None:
    def fail(items: list[str], should_stop: ShouldStop) -> list[str]:
        raise RuntimeError("out of memory")

    for slots in (0, 1):
        scheduler = Scheduler(fail, slots)
        failing = work("failing")
        scheduler.submit(failing)
        with pytest.raises(RuntimeError, match="out of memory"):
            failing.result.result(WAIT_S)
        scheduler.close()


def test_after_the_end_everything_is_refused(scripted: Scripted) -> None:
    scheduler = Scheduler(scripted, slots=1)
    running, waiting, late = work("running"), work("waiting"), work("late")
    scheduler.submit(running)
    assert scripted.begun.acquire(timeout=WAIT_S)
    scheduler.submit(waiting)
    closing = threading.Thread(target=scheduler.close)
    closing.start()
    with pytest.raises(Unavailable):
        waiting.result.result(WAIT_S)
    scripted.go.release()
    closing.join(WAIT_S)
    assert running.result.result(WAIT_S) == "RUNNING"
    scheduler.submit(late)
    with pytest.raises(Unavailable):
        late.result.result(WAIT_S)


def test_without_threads_it_computes_in_the_call_and_never_within_itself() -> None:
    depths: list[int] = []
    depth = 0

    def compute(items: list[int], should_stop: ShouldStop) -> list[int]:
        nonlocal depth
        depth += 1
        depths.append(depth)
        if items[0]:
            scheduler.submit(Work(items[0] - 1, Urgency.AUDIO))
        depth -= 1
        return items

    scheduler: Scheduler[int, int] = Scheduler(compute, 0)
    first: Work[int, int] = Work(1000, Urgency.AUDIO)
    scheduler.submit(first)
    assert first.result.done()
    assert depths == [1] * 1001
