"""Answers from a YAML file, in order or by pattern; for demonstrations and benches.

    patterns:                     # tried first, in this order, anywhere in what was said
      - match: "my name is (\\w+)"
        answer: "Hello \\1."
    answers:                      # else one after the other, over again after the last
      - "Good morning."
      - "Tell me more."

A plain list of strings is short for `answers`. Of a longer text only the last MATCHED_CHARS
characters are looked at: nothing else can run while a pattern is tried.
"""

import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from vdx.core.config import ScriptConfig
from vdx.core.errors import ConfigError, ResponderError
from vdx.core.events import Message

MATCHED_CHARS: Final = 4_000
_KEYS: Final = ("patterns", "answers")
_RULE_KEYS: Final = ("match", "answer")


@dataclass(frozen=True, slots=True)
class Rule:
    """An answer to everything that `pattern` is found in; `\\1` in it is the first group."""

    pattern: re.Pattern[str]
    answer: str


@dataclass(frozen=True, slots=True)
class Script:
    rules: tuple[Rule, ...]
    answers: tuple[str, ...]


class ScriptResponder:
    """Reads its file once; the n-th message of a user gets the n-th answer."""

    def __init__(self, config: ScriptConfig) -> None:
        if config.path is None:
            raise ConfigError("responder.script.path: a script responder needs a file")
        self._script = load_script(config.path)

    async def reply(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """One piece: the answer. Raises ResponderError where the script has none."""
        said = [message.text for message in messages if message.role == "user"]
        if not said:
            return
        for rule in self._script.rules:
            if found := rule.pattern.search(said[-1][-MATCHED_CHARS:]):
                yield found.expand(rule.answer)
                return
        answers = self._script.answers
        if not answers:
            raise ResponderError(f"the script has no answer to {said[-1]!r}", retryable=False)
        yield answers[(len(said) - 1) % len(answers)]

    async def aclose(self) -> None:
        """Nothing to free."""


def load_script(path: Path) -> Script:
    """Reads and checks a script; raises ConfigError naming file, line and what is wrong."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader)
    except OSError as error:
        raise ConfigError(f"responder.script.path: {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not YAML: {error}") from error
    if root is None:
        raise ConfigError(f"{path}: empty; expected answers or patterns")
    script = _Reader(path).script(root)
    if not script.rules and not script.answers:
        raise ConfigError(f"{path}: neither answers nor patterns")
    return script


class _Reader:
    """Turns YAML nodes, which know their line, into a script."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def script(self, root: yaml.Node) -> Script:
        if isinstance(root, yaml.SequenceNode):
            return Script((), self._strings(root, "answers"))
        fields = self._mapping(root, "the script", _KEYS)
        rules = self._items(fields["patterns"], "patterns") if "patterns" in fields else []
        answers = self._strings(fields["answers"], "answers") if "answers" in fields else ()
        return Script(tuple(self._rule(node) for node in rules), answers)

    def _rule(self, node: yaml.Node) -> Rule:
        fields = self._mapping(node, "a pattern", _RULE_KEYS)
        for key in _RULE_KEYS:
            if key not in fields:
                raise self._error(node, f"a pattern needs {key!r}")
        source = self._string(fields["match"], "match")
        answer = self._string(fields["answer"], "answer")
        try:
            pattern = re.compile(source, re.IGNORECASE)
        except re.error as error:
            raise self._error(fields["match"], f"match {source!r}: {error}") from error
        try:
            # An alternative that matches nothing has all the groups, none of them filled.
            empty = re.compile(f"{source}|", re.IGNORECASE).match("")
            if empty is not None:
                empty.expand(answer)
        except (re.error, IndexError) as error:
            raise self._error(fields["answer"], f"answer {answer!r}: {error}") from error
        return Rule(pattern, answer)

    def _mapping(
        self, node: yaml.Node, what: str, allowed: tuple[str, ...]
    ) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node, f"{what} must be a mapping with {' and '.join(allowed)}")
        fields: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if key.value not in allowed:
                known = ", ".join(allowed)
                raise self._error(key, f"unknown key {key.value!r}; known are {known}")
            if key.value in fields:
                raise self._error(key, f"{key.value!r} appears twice")
            fields[key.value] = value
        return fields

    def _items(self, node: yaml.Node, key: str) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode):
            raise self._error(node, f"{key!r} must be a list")
        return list(node.value)

    def _strings(self, node: yaml.Node, key: str) -> tuple[str, ...]:
        return tuple(self._string(item, key) for item in self._items(node, key))

    def _string(self, node: yaml.Node, key: str) -> str:
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
            raise self._error(node, f"{key!r} must hold text")
        return str(node.value)

    def _error(self, node: yaml.Node, message: str) -> ConfigError:
        return ConfigError(f"{self._path}:{node.start_mark.line + 1}: {message}")
