"""The lead of rooms: one frame where frames come in time, more where they do not."""

import pytest

from vdx.transports.room.output_lead import CALM_S, OutputLead


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lead(clock: Clock) -> OutputLead:
    return OutputLead(20, 80, clock)


def test_frames_in_time_keep_it_at_one_frame(lead: OutputLead, clock: Clock) -> None:
    for _ in range(2000):
        clock.now += 0.02
        assert not lead.observe(0.003)
    assert lead() == 20
    assert lead.early_s == 0


@pytest.mark.parametrize(
    ("late_s", "dry", "grown"),
    [(0.004, False, 20), (0.009, False, 30), (0.014, True, 30), (0.031, True, 50), (2.0, True, 80)],
)
def test_it_grows_at_once_up_to_a_bound(
    lead: OutputLead, late_s: float, dry: bool, grown: int
) -> None:
    assert lead.observe(late_s) is dry
    assert lead() == grown


def test_what_it_has_grown_to_covers_the_same_again(lead: OutputLead) -> None:
    assert lead.observe(0.03)
    assert not lead.observe(0.03)


def test_it_shrinks_slowly_and_not_below_what_is_needed(lead: OutputLead, clock: Clock) -> None:
    lead.observe(0.04)
    assert lead() == 60
    for expected in (60, 50, 40, 40):  # the first period began with the late frame
        for _ in range(int(CALM_S / 0.02) + 1):
            clock.now += 0.02
            lead.observe(0.021)
        assert lead() == expected
    for expected in (40, 30, 20, 20):
        for _ in range(int(CALM_S / 0.02) + 1):
            clock.now += 0.02
            lead.observe(0.0)
        assert lead() == expected


def test_a_least_lead_above_the_bound_holds() -> None:
    lead = OutputLead(100, 80)
    lead.observe(1.0)
    assert lead() == 100
