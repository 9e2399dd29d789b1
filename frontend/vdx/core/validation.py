"""Data from outside checked against a pydantic model; the only place that reads pydantic's errors.

What is raised differs by caller (`InvalidInput`, `ConfigError`, `InvalidVoicepack`); what is wrong,
and where in the data, is found here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from vdx.core.errors import InvalidInput
from vdx.core.json_input import SHOWN_CHARS, shown

UNKNOWN_KEY: Final = "extra_forbidden"
MISSING_KEY: Final = "missing"
"""Kinds of problems, as pydantic calls them."""

_PREFIX: Final = re.compile("^(Value error|Assertion failed), ")
"""What pydantic puts before the message of an exception that a validator raised."""

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Problem:
    """The first thing that is wrong with data.

    `path` leads to it from the root (keys, and positions in lists), `kind` is pydantic's type of
    the error, `reason` its message, `given` the value that is wrong. `types` are those of the
    shapes on the way that are told apart by their type.
    """

    path: tuple[str, ...]
    kind: str
    reason: str
    given: Any
    types: tuple[str, ...] = ()

    @classmethod
    def first_of(cls, errors: Iterable[Mapping[str, Any]], data: object) -> "Problem":
        """Of what pydantic (or FastAPI) found wrong with `data`."""
        first = next(iter(errors))
        reason = _PREFIX.sub("", str(first["msg"]))
        reason = reason[:1].lower() + reason[1:]
        path = _path(first["loc"], data, first["type"])
        types = tuple(str(part) for part in first["loc"] if str(part) not in path)
        return cls(path, first["type"], reason, first["input"], types)

    @property
    def key(self) -> str:
        """The path with dots; empty for the data itself."""
        return ".".join(self.path)


def in_words(error: BaseException | None) -> str:
    """What is wrong with a single value, and the value where the reason does not name it.

    Empty where the error is not pydantic's.
    """
    if not isinstance(error, ValidationError):
        return ""
    problem = Problem.first_of(error.errors(include_url=False), None)
    given = shown(problem.given)
    return problem.reason if given in problem.reason else f"{problem.reason}, got {given}"


def check(shape: type[T], data: object) -> T | Problem:
    """`data` as `shape`, or what is wrong with it."""
    try:
        return shape.model_validate(data)
    except ValidationError as error:
        return Problem.first_of(error.errors(include_url=False), data)


def validated(shape: type[T], data: object, name: str = "") -> T:
    """`data` as `shape`; `name` is what errors call the data, before a dot.

    Raises:
        InvalidInput: it is not; names the offending key and its value.
    """
    found = check(shape, data)
    if isinstance(found, Problem):
        raise invalid_input(found, shape, name)
    return found


def invalid_input(problem: Problem, shape: type[BaseModel], name: str = "") -> InvalidInput:
    """What to tell who sent data that should have been a `shape`."""
    where = ".".join(part for part in (name, problem.key) if part)
    where = where if len(where) <= SHOWN_CHARS else where[:SHOWN_CHARS] + "…"
    if problem.kind == UNKNOWN_KEY:
        known = ", ".join(fields_at(shape, problem.path[:-1], problem.types))
        message = f"there is no parameter {where!r}; there are: {known}"
    else:
        message = f"{where or 'body'}: {problem.reason}, got {shown(problem.given)}"
    return InvalidInput(message, param=where or None)


def fields_at(shape: type[BaseModel], path: Sequence[str], types: Sequence[str] = ()) -> list[str]:
    """Names that are valid under a path inside `shape`; of several shapes those of `types`."""
    model = shape
    for part in path:
        field = model.model_fields.get(part)
        if field is None:  # a key of a mapping, whose name is free, or a place in a list
            continue
        model = model_of(field.annotation, types) or model
    return list(model.model_fields)


def model_of(annotation: Any, types: Sequence[str] = ()) -> type[BaseModel] | None:
    """The first model in a type, such as M in `dict[str, M] | None`; one of `types`, if any is."""
    found = list(_models_in(annotation))
    of_type = (model for model in found if _is_of(model, types))
    return next(of_type, found[0] if found else None)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _models_in(part)


def _is_of(model: type[BaseModel], types: Sequence[str]) -> bool:
    field = model.model_fields.get("type")
    named = getattr(field.annotation, "__args__", ()) if field is not None else ()
    return any(each in types for each in named)


def _path(loc: Sequence[str | int], data: object, kind: str) -> tuple[str, ...]:
    """`loc` without what is no key of the data: names of a union's branches, pydantic's `[key]`."""
    path: list[str] = []
    inside: Any = data
    for number, part in enumerate(loc, 1):
        is_key = isinstance(inside, Mapping) and part in inside
        is_missing = kind == MISSING_KEY and number == len(loc)
        if not (is_key or is_missing or isinstance(part, int)):
            continue
        path.append(str(part))
        is_place = isinstance(inside, list) and isinstance(part, int) and part < len(inside)
        inside = inside[part] if is_key or is_place else None
    return tuple(path)
