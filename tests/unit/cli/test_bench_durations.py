"""Help of long benches says how long they take by default."""

import re

import pytest
from typer.testing import CliRunner

from vdx.bench.clips import TURN_CLIPS
from vdx.bench.planning import checked
from vdx.cli import main
from vdx.cli.bench import conversations

TURN_S = 5.6
"""Of one turn of `vdx bench turn`, its share of the room's noise before the first included."""
START_S = 15.0
"""Of the bench's server."""
ROUNDS = 8
"""Of `vdx bench plan`, where none are given."""
NUMBERS = {"two": 2, "five": 5, "six": 6, "eight": 8}


def plan_turns(counts: tuple[int, ...]) -> int:
    """One user's turns, then those that so many users have at the same time."""
    alone = checked.turns((), ROUNDS)
    each = ((checked.turns((users,), ROUNDS) - alone) // users for users in counts)
    return alone + sum(each)


@pytest.mark.parametrize(
    ("command", "turns"),
    [
        ("refused", conversations.refused().steps // 2),
        ("observed", conversations.observed().steps // 4),
        ("plan", plan_turns(checked.DEFAULT)),
        ("plan", plan_turns(checked.LIGHT)),
    ],
    ids=["refused", "observed", "plan", "plan-light"],
)
def test_help_says_how_long_a_bench_takes(command: str, turns: int) -> None:
    answer = CliRunner().invoke(main.app, ["bench", command, "-h"], env={"COLUMNS": "80"})
    said = " ".join(answer.output.split())
    found = re.search(r"Takes about (\w+) minutes(?:, (\w+) with --light)?", said)
    assert found, said
    minutes = {NUMBERS[word] for word in found.groups() if word}
    assert turns % len(TURN_CLIPS) == 0
    assert round((START_S + turns * TURN_S) / 60) in minutes
