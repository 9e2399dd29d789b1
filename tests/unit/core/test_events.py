import dataclasses
import inspect

import pytest

from vdx.core import events
from vdx.core.events import Clause, SessionState, TranscriptKind
from vdx.dialog import session_events as notices
from vdx.dialog import turn_events as moves

VALUES = [
    kind
    for module in (events, moves, notices)
    for _, kind in inspect.getmembers(module, inspect.isclass)
    if kind.__module__ == module.__name__ and dataclasses.is_dataclass(kind)
]


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_what_travels_between_stages_cannot_change(kind: type) -> None:
    value = kind(*[None] * len(dataclasses.fields(kind)))
    assert not hasattr(value, "__dict__"), "slotted"
    for field in dataclasses.fields(kind):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field.name, 1)


def test_a_clause_without_a_map_counts_from_its_start() -> None:
    clause = Clause("hello", 10, 16)
    assert [clause.source_offset(i) for i in (0, 3, 5, 9)] == [10, 13, 16, 16]


def test_a_clause_with_a_map_follows_it() -> None:
    clause = Clause("bold", 0, 9, (2, 3, 4, 5))
    assert [clause.source_offset(i) for i in (0, 3, 4)] == [2, 5, 9]


def test_states_and_kinds_are_those_of_the_contract() -> None:
    assert [state.value for state in SessionState] == [
        "idle",
        "listening",
        "speaking",
        "barged_in",
        "waiting_for_input",
        "terminated",
    ]
    assert [int(kind) for kind in TranscriptKind] == [0, 1, 2]


def test_a_voice_hears_of_the_end_of_a_line() -> None:
    assert Clause("Milk", 0, 5).voice_text == "Milk"
    assert Clause("Milk", 0, 5, line_breaks=1).voice_text == "Milk\n"
    assert Clause("Milk", 0, 5, line_breaks=2).voice_text == "Milk\n\n"
