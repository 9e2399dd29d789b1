"""An engine is stuck when it has work and none of it advances."""

import time

import pytest

from triton_backends.shared.errors import Unavailable
from triton_backends.shared.progress import Progress

LIMIT_S = 0.05


def test_an_idle_engine_is_never_stuck() -> None:
    progress = Progress(LIMIT_S)
    progress.begin()
    progress.end()
    time.sleep(2 * LIMIT_S)
    progress.check()


def test_work_that_begins_after_a_pause_has_the_whole_limit() -> None:
    progress = Progress(1.0)
    time.sleep(0.01)
    progress.begin()
    progress.check()


def test_one_job_that_advances_is_enough() -> None:
    progress = Progress(LIMIT_S)
    progress.begin()
    progress.begin()
    time.sleep(2 * LIMIT_S)
    with pytest.raises(Unavailable, match=r"\[unavailable\] stuck: none of 2 jobs under way"):
        progress.check()
    progress.advance()
    progress.check()


def test_it_rests_when_the_last_job_has_ended() -> None:
    rests: list[int] = []
    progress = Progress(LIMIT_S, lambda: rests.append(1))
    progress.begin()
    progress.begin()
    progress.end()
    assert not rests
    progress.end()
    assert len(rests) == 1
