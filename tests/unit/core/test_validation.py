"""What is wrong with data from outside, and how it is told."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from vdx.core.errors import InvalidInput
from vdx.core.paths import PACKAGE
from vdx.core.validation import Problem, check, validated


class Named(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, StringConstraints(min_length=1)]


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    voice: Annotated[str, StringConstraints(min_length=1, pattern="^[A-Z]*$")] | Named = "A"
    parts: list[Named] = Field(default_factory=list, max_length=2)
    named: dict[str, Named] = Field(default_factory=dict)


def problem(data: Any) -> Problem:
    found = check(Asked, data)
    assert isinstance(found, Problem)
    return found


@pytest.mark.parametrize(
    ("data", "key", "kind"),
    [
        ({"voice": 5}, "voice", "string_type"),
        ({"voice": {"id": ""}}, "voice", "string_type"),
        ({"parts": [{"id": "a"}, {"id": ""}]}, "parts.1.id", "string_too_short"),
        ({"parts": [{}]}, "parts.0.id", "missing"),
        ({"named": {"x": {"idd": "a", "id": "b"}}}, "named.x.idd", "extra_forbidden"),
        ({"named": {5: {"id": "b"}}}, "named.5", "string_type"),
        ({"other": 1}, "other", "extra_forbidden"),
        ([1], "", "model_type"),
        (None, "", "model_type"),
    ],
)
def test_the_path_is_the_one_in_the_data(data: Any, key: str, kind: str) -> None:
    found = problem(data)
    assert (found.key, found.kind) == (key, kind)


def test_a_message_keeps_its_pattern() -> None:
    assert problem({"voice": "a"}).reason == "string should match pattern '^[A-Z]*$'"


def test_an_unknown_key_is_told_with_those_that_are_known_there() -> None:
    with pytest.raises(InvalidInput) as told:
        validated(Asked, {"named": {"x": {"id": "b", "idd": 1}}}, "payload")
    assert str(told.value) == "there is no parameter 'payload.named.x.idd'; there are: id"
    assert told.value.param == "payload.named.x.idd"


def test_what_is_told_is_short() -> None:
    with pytest.raises(InvalidInput) as told:
        validated(Asked, {"k" * 5000: 1})
    assert len(str(told.value)) < 300
    with pytest.raises(InvalidInput, match="body: input should be") as told:
        validated(Asked, ["x" * 5000])
    assert len(str(told.value)) < 300
    assert told.value.param is None


def test_nobody_else_reads_the_errors_of_pydantic() -> None:
    readers = [
        str(path.relative_to(PACKAGE))
        for path in sorted(PACKAGE.rglob("*.py"))
        if f" {ValidationError.__name__}" in path.read_text(encoding="utf-8")
    ]
    assert readers == ["core/validation.py"]
