"""The number of repetitions that a fault test is given."""

import pytest

from tests.repetitions import Repetitions


@pytest.mark.parametrize(("setting", "expected"), [("", 50), ("full", 500)])
def test_a_tenth_is_run_unless_all_are_asked_for(
    setting: str, expected: int, monkeypatch: pytest.MonkeyPatch, repetitions: Repetitions
) -> None:
    monkeypatch.setenv("VDX_FAULTS", setting)
    assert repetitions(500) == expected
