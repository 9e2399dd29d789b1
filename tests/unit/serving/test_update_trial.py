"""Verdicts over the two versions of a model, from the figures alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdx.serving.update_trial import ENOUGH, UNUSED_S, Outcome, RequestStats, Trial


def trial(share: float = 0.1, hold_s: float = 60.0) -> Trial:
    return Trial(share, began=100.0, hold_s=hold_s)


def served(stats: RequestStats, count: int, ms: float = 40.0, error_every: int = 0) -> None:
    for number in range(1, count + 1):
        stats.add(None if error_every and number % error_every == 0 else ms)


def test_one_that_does_as_well_wins_after_its_hold() -> None:
    given_ = trial()
    served(given_.old, 100)
    served(given_.new, ENOUGH, ms=55.0)
    assert given_.verdict(159.0) is None
    verdict = given_.verdict(160.0)
    assert verdict is not None
    assert verdict.outcome is Outcome.PROMOTED
    assert "0 of 20 requests failed, median 55 ms; before 0 of 100" in verdict.why


def test_too_few_requests_decide_nothing() -> None:
    given_ = trial()
    served(given_.new, ENOUGH - 1)
    assert given_.verdict(10_000.0) is None


def test_one_that_nobody_uses_ends() -> None:
    given_ = trial()
    assert given_.verdict(100.0 + UNUSED_S - 1) is None
    verdict = given_.verdict(100.0 + UNUSED_S)
    assert verdict is not None
    assert verdict.outcome is Outcome.PROMOTED
    assert "nobody used either version for 600 s: 0 of 0 requests failed" in verdict.why


def test_a_longer_hold_counts_for_one_that_nobody_uses() -> None:
    given_ = trial(hold_s=2 * UNUSED_S)
    assert given_.verdict(100.0 + UNUSED_S) is None
    assert given_.verdict(100.0 + 2 * UNUSED_S) is not None


def test_one_that_is_used_again_goes_on() -> None:
    given_ = trial()
    assert given_.verdict(100.0 + UNUSED_S - 1) is None
    served(given_.old, 1)
    used = 100.0 + UNUSED_S
    assert given_.verdict(used) is None
    given_.elsewhere["other"] = (RequestStats(), RequestStats.of(1, 0, [40.0]))
    assert given_.verdict(used + UNUSED_S) is None, "a request elsewhere"
    assert given_.verdict(used + 2 * UNUSED_S) is not None


def test_one_that_erred_before_nobody_used_it_goes_back() -> None:
    given_ = trial()
    served(given_.old, 5)
    served(given_.new, 1, error_every=1)
    assert given_.verdict(101.0) is None
    verdict = given_.verdict(101.0 + UNUSED_S)
    assert verdict is not None
    assert verdict.outcome is Outcome.ROLLED_BACK


@pytest.mark.parametrize("count", [10, 20], ids=str)
def test_one_that_errs_on_a_fifth_goes_back(count: int) -> None:
    given_ = trial()
    served(given_.old, 200)
    served(given_.new, count, error_every=5)
    verdict = given_.verdict(101.0)
    assert verdict is not None
    assert verdict.outcome is Outcome.ROLLED_BACK
    assert "errs more often" in verdict.why


def test_one_that_always_errs_goes_back_after_three() -> None:
    given_ = trial()
    served(given_.new, 2, error_every=1)
    assert given_.verdict(101.0) is None
    served(given_.new, 1, error_every=1)
    assert given_.verdict(101.0) is not None


def test_errors_that_the_old_one_has_too_are_no_reason() -> None:
    given_ = trial(hold_s=0)
    served(given_.old, 50, error_every=5)
    served(given_.new, ENOUGH, error_every=5)
    verdict = given_.verdict(101.0)
    assert verdict is not None
    assert verdict.outcome is Outcome.PROMOTED


@pytest.mark.parametrize(("before", "after"), [(10.0, 30.0), (40.0, 120.0), (500.0, 1500.0)])
def test_one_that_is_three_times_slower_goes_back(before: float, after: float) -> None:
    given_ = trial()
    served(given_.old, 10, ms=before)
    served(given_.new, 10, ms=after)
    verdict = given_.verdict(101.0)
    assert verdict is not None
    assert verdict.outcome is Outcome.ROLLED_BACK
    assert "slower" in verdict.why


def test_what_was_known_before_the_trial_is_compared_with() -> None:
    given_ = trial(share=1.0)
    given_.old.known_ms = 40.0
    served(given_.new, 10, ms=120.0)
    assert given_.verdict(101.0) is not None


def test_differences_that_nobody_hears_are_no_reason() -> None:
    given_ = trial(hold_s=0)
    served(given_.old, 20, ms=4.0)
    served(given_.new, ENOUGH, ms=13.0)
    verdict = given_.verdict(101.0)
    assert verdict is not None
    assert verdict.outcome is Outcome.PROMOTED


@given(share=st.floats(0.01, 1.0), sessions=st.integers(1, 500))
def test_the_share_is_kept_at_every_moment(share: float, sessions: int) -> None:
    given_ = trial(share=share)
    taken = [given_.takes_next() for _ in range(sessions)]
    assert taken[0], "the first is tried at once"
    for count in range(1, sessions + 1):
        assert abs(sum(taken[:count]) - share * count) <= 1.0 + 1e-6


def test_what_other_frontends_served_counts() -> None:
    one = trial(hold_s=0)
    served(one.old, 20)
    one.elsewhere["a"] = (RequestStats.of(20, 0, [40.0] * 20), RequestStats.of(12, 0, [40.0] * 12))
    assert one.verdict(101) is None
    one.elsewhere["b"] = (RequestStats(), RequestStats.of(8, 0, [40.0] * 8))
    verdict = one.verdict(101)
    assert verdict is not None
    assert verdict.outcome is Outcome.PROMOTED
    one.elsewhere["b"] = (RequestStats(), RequestStats.of(8, 3, [40.0] * 5))
    verdict = one.verdict(101)
    assert verdict is not None
    assert (verdict.outcome, verdict.why.startswith("it errs more often: 3 of 20")) == (
        Outcome.ROLLED_BACK,
        True,
    )
