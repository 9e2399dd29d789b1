"""What the bench of swaps makes of the length of a reply."""

import pytest

from vdx.bench.swaps import frames_off, steps

ONE, OTHER = [80, 90, 70, 3], [61, 72, 55, 4]
"""Frames of three clauses, and what is between them, of two voices."""


@pytest.mark.parametrize(
    ("frames", "off", "mixed"),
    [
        (243, 0, False),
        (192, 0, False),
        (80 + 72 + 55 + 3, 0, True),
        (61 + 90 + 55 + 4, 0, True),
        (244, 1, False),
        (190, 2, False),
    ],
    ids=["one voice", "the other", "two", "two others", "one doubled", "two lost"],
)
def test_a_reply_is_as_long_as_its_clauses_by_whichever_voice(
    frames: int, off: int, mixed: bool
) -> None:
    assert frames_off(frames, [ONE, OTHER]) == (off, mixed)


def test_a_quarter_as_many_changes_while_a_voice_loads() -> None:
    assert (steps(200), steps(1)) == (250, 2)
