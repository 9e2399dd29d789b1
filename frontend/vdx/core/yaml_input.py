"""YAML that somebody else wrote, read so that whatever is wrong with it is a YAMLError.

The library itself raises ValueError, KeyError or AttributeError for a value that is not what its
look or its tag says (the date 2001-99-99, an integer of more than 4,300 digits, `!!bool x`) and
RecursionError for deep nesting, and it makes lists and mappings that hold themselves.
"""

from collections.abc import Iterable
from typing import Any, Final

import yaml

MAX_DEPTH: Final = 64


def compose_yaml(text: str) -> yaml.Node | None:
    """The nodes of a text, which know their line; None for an empty one.

    Raises:
        yaml.YAMLError: it is not YAML, or nests deeper than MAX_DEPTH.
    """
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def parse_yaml(text: str | bytes) -> Any:
    """The value that `text` (bytes: UTF-8 or UTF-16) stands for.

    Raises:
        yaml.YAMLError: it is not YAML, holds a value that cannot be made, nests deeper than
            MAX_DEPTH, or holds itself.
    """
    loader = _Loader(text)
    try:
        value = loader.get_single_data()
    finally:
        loader.dispose()
    _check(value)
    return value


class _Loader(yaml.SafeLoader):
    """Says where a value is that cannot be made, and goes no deeper than MAX_DEPTH."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._depth += 1
        try:
            if self._depth > MAX_DEPTH:
                # The library recurses for each level.
                mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
                problem = f"it nests deeper than {MAX_DEPTH} levels"
                raise yaml.composer.ComposerError(None, None, problem, mark)
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, KeyError, AttributeError):
            kind = node.tag.rpartition(":")[2]
            raise yaml.constructor.ConstructorError(
                None, None, f"what looks like {kind} is none", node.start_mark
            ) from None


def _check(root: object) -> None:
    """Goes level by level, into a value that several places share once for each level."""
    level: list[Any] = [root]
    for _ in range(MAX_DEPTH):
        inside = {id(value): value for outer in level for value in _inside(outer)}
        if not inside:
            return
        level = list(inside.values())
    raise yaml.YAMLError(f"it nests deeper than {MAX_DEPTH} levels, or holds itself")


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return (*value.keys(), *value.values())
    return value if isinstance(value, list | tuple | set) else ()
