"""The settings described from their one table: one key, and the whole tree as a commented file."""

import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from vdx.core.config import Config
from vdx.core.errors import ConfigError
from vdx.core.names import nearest
from vdx.core.settings import EVERY_KEY
from vdx.core.validation import model_of
from vdx.core.values import holds_secret

WIDTH = 96
NAME = "NAME"
"""Stands for the free name of a key in a mapping, such as that of a profile."""
KINDS = {bool: "true or false", int: "a whole number", float: "a number", Path: "a path"}
BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One key: what it takes, what it is without being set (JSON), and what it does."""

    key: str
    takes: str
    default: str
    about: str


def variable_of(key: str) -> str:
    """The environment variable that sets a key."""
    return f"VDX_{key.upper().replace('.', '__')}"


def explain(key: str) -> list[Setting]:
    """The setting called `key`, or those of a section.

    Raises:
        ConfigError: there is neither; names one that looks like it.
    """
    every = list(settings())
    shape = _with_free_names(key)
    found = [each for each in every if each.key == shape]
    found = found or [each for each in every if each.key.startswith(f"{shape}.")]
    if not found:
        near = _near([each.key for each in every], shape)
        meant = f"did you mean {near}?" if near else EVERY_KEY
        raise ConfigError(f"configuration key {key} does not exist; {meant}")
    return found


def _near(keys: list[str], wanted: str) -> str:
    """The key that looks like it, else one that ends with it, else the section that looks like it.

    "" where there is none.
    """
    ends = (key for key in keys if key.endswith(f".{wanted}"))
    sections = dict.fromkeys(key.rpartition(".")[0] for key in keys if "." in key)
    return nearest(wanted, keys) or next(ends, "") or nearest(wanted, sections)


def _with_free_names(key: str) -> str:
    parts = key.strip(".").split(".")
    if parts[0] == "profiles" and len(parts) > 1:
        parts[1] = NAME
    return ".".join(parts)


def settings(model: type[BaseModel] = Config, prefix: str = "") -> Iterator[Setting]:
    """Every key, in the order of the table."""
    for name, field in model.model_fields.items():
        key, inner = f"{prefix}{name}", _section_of(field)
        if inner is None:
            yield Setting(key, _takes(field), _default(field), _about(field))
        else:
            free = f"{NAME}." if get_origin(field.annotation) is dict else ""
            yield from settings(inner, f"{key}.{free}")


def _section_of(field: FieldInfo) -> type[BaseModel] | None:
    """The model of a section; a list of models is one value, whose description names its keys."""
    return None if get_origin(field.annotation) is tuple else model_of(field.annotation)


def _about(field: FieldInfo) -> str:
    return " ".join((field.description or "").split())


def _takes(field: FieldInfo) -> str:
    bounds = [
        f"{words} {getattr(each, name):g}"
        for each in field.metadata
        for name, words in BOUNDS.items()
        if getattr(each, name, None) is not None
    ]
    return ", ".join([_kind(field.annotation), *bounds])


def _kind(annotation: Any) -> str:
    parts = [each for each in get_args(annotation) if each is not type(None)]
    if get_origin(annotation) is Literal:
        return "one of " + ", ".join(json.dumps(each) for each in parts)
    if get_origin(annotation) is tuple:
        return "a list"
    if get_origin(annotation) is dict:
        return "a mapping"
    if type(None) in get_args(annotation):
        return f"{_kind(parts[0])}, or null"
    return KINDS.get(annotation, "a text")


def _default(field: FieldInfo) -> str:
    if holds_secret(field.annotation):
        return "[]" if get_origin(field.annotation) is tuple else '""'
    value = field.get_default(call_default_factory=True)
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)


def commented_file() -> str:
    """A `vdx.yaml` in which every key stands with its default, commented out."""
    head = [
        "## Settings of vdx, each with its default. To set one, take away the first '#' of its",
        "## line and of the sections it is in. Flags and the environment come before this file.",
        "## `vdx config --changed` shows what is set, `vdx config --explain KEY` what a key takes.",
    ]
    return "\n".join([*head, *_section(Config, 0)]) + "\n"


def _section(model: type[BaseModel], depth: int) -> Iterator[str]:
    indent = "#" + "  " * depth
    for name, field in model.model_fields.items():
        inner = _section_of(field)
        if depth == 0:
            yield ""
        if inner is None:
            about = "; ".join(filter(None, (_about(field), _takes(field))))
            yield from _comment(indent, about)
            yield f"{indent}{name}: {_default(field)}"
        elif field.get_default(call_default_factory=True) is None:
            yield from _comment(indent, f"keys as those of the section {name}; null: that section")
            yield f"{indent}{name}: null"
        else:
            yield from _comment(indent, _own_doc(inner))
            yield from _keys(name, inner, field, depth)


def _keys(name: str, inner: type[BaseModel], field: FieldInfo, depth: int) -> Iterator[str]:
    """A section's keys, or a mapping's first entry; of an empty mapping, an example in comments."""
    indent = "#" + "  " * depth
    if get_origin(field.annotation) is not dict:
        yield f"{indent}{name}:"
        yield from _section(inner, depth + 1)
    elif entries := field.get_default(call_default_factory=True):
        yield from (f"{indent}{name}:", f"{indent}  {next(iter(entries))}:")
        yield from _section(inner, depth + 2)
    else:
        yield from (f"{indent}{name}: {{}}", f"{indent}# name:")
        for line in _section(inner, depth + 1):
            yield f"{indent}# {line.removeprefix(indent)}"


def _comment(indent: str, text: str) -> Iterator[str]:
    yield from (f"{indent}# {line}" for line in textwrap.wrap(text, WIDTH - len(indent)))


def _own_doc(model: type[BaseModel]) -> str:
    return " ".join((model.__dict__.get("__doc__") or "").split())
