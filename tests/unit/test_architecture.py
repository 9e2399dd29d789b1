"""What the documents name exists: files, the functions and classes in them, and settings.

A document names a function by the path of its file followed by its name, both as code:
`frontend/vdx/dialog/turn.py` `TurnMachine.handle`. Several names may follow one path.
"""

import ast
import functools
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import CODE, DOCUMENTS, ROOT, is_setting, name_of, prose
from vdx.core.config import Config

ARCHITECTURE = ROOT / "docs" / "architecture.md"

MODULE_THEN_NAMES = re.compile(
    r"`(?P<path>[\w./<>*-]+\.py)`(?P<names>(?:(?:\s+|,\s+|\s+and\s+|\s*\|\s*)`[A-Za-z_][\w.]*`(?!\())+)"
)
NAME = re.compile(r"`([A-Za-z_](?:(?!\.py`)[\w.])*)`")
METHOD = re.compile(r"[A-Z]\w+\.\w+")
SETTING = re.compile(r"[a-z_]+(?:\.(?:[a-z_]+|<[a-z]+>))+")
PROTOCOL = re.compile(r"session\.(update|updated|created|vdx\..*)")
"""Events and fields of the Realtime protocol, which has a section's name for a word of its own."""
FILE_ENDINGS = {"md", "yaml", "pbtxt", "html", "sh", "cfg", "py"}


@functools.cache
def repository_files() -> frozenset[str]:
    """Every file of the repository, by its path from the root."""
    found: list[str] = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if _is_kept(name)]
        found += [str((Path(folder) / name).relative_to(ROOT)) for name in files]
    return frozenset(found)


def _is_kept(folder: str) -> bool:
    """Whether a folder is part of the repository, not made by a tool."""
    made = {"__pycache__", "node_modules", "build", "reports", "dist"}
    return folder not in made and (not folder.startswith(".") or folder == ".ci")


@functools.cache
def defined_in(path: Path) -> frozenset[str]:
    """Names a module defines: functions, classes, `Class.method` and constants."""
    return frozenset(_defined(ast.parse(path.read_text(encoding="utf-8")).body, ""))


def _defined(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    for node in body:
        match node:
            case ast.ClassDef(name=name):
                yield prefix + name
                yield from _defined(node.body, f"{prefix}{name}.")
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield prefix + name
            case ast.Assign(targets=targets):
                yield from (prefix + each.id for each in targets if isinstance(each, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield prefix + name
            case _:
                pass


def references(document: Path) -> Iterator[tuple[str, str]]:
    for found in MODULE_THEN_NAMES.finditer(prose(document)):
        for name in NAME.findall(found["names"]):
            yield found["path"], name


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_file_that_is_named_exists(document: Path) -> None:
    tops = {name.split("/")[0] for name in repository_files()}
    missing = [
        code for code in CODE.findall(prose(document)) if _is_path(code, tops) and not _exists(code)
    ]
    assert missing == []


def _is_path(code: str, tops: set[str]) -> bool:
    if " " in code or "://" in code:
        return False
    top, _, rest = code.partition("/")
    return (bool(rest) and top in tops) or re.fullmatch(r"[\w./-]+\.py", code) is not None


def _exists(code: str) -> bool:
    """A path from the root, a folder of it, or the end of one; `<family>` is any name."""
    pattern = re.escape(code.rstrip("/")).replace("\\*", "[^/]*")
    pattern = re.sub(r"<[a-z]+>", "[^/]+", pattern)
    anywhere = "" if "/" in code and not code.endswith(".py") else "(?:.*/)?"
    whole = re.compile(f"{anywhere}{pattern}(?:/.*)?")
    return any(whole.fullmatch(name) for name in repository_files())


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_function_that_is_named_is_defined_in_its_file(document: Path) -> None:
    missing = [
        f"{path} {name}"
        for path, name in references(document)
        if not (ROOT / path).is_file() or name not in defined_in(ROOT / path)
    ]
    assert missing == []


def test_the_architecture_names_every_method_with_its_file() -> None:
    methods = set(METHOD.findall(" ".join(CODE.findall(prose(ARCHITECTURE)))))
    with_file = {name for _, name in references(ARCHITECTURE)}
    assert methods - with_file == set()
    assert len(with_file) > 100


SUBJECTS = {
    "debounce of barge-in": "TurnMachine._consider_barge_in",
    "speculative transcript": "Utterance.pause",
    "sample-exact resume": "Playout.resume",
    "a voice swapped in mid-call": "ReplyVoice",
    "where an engine's error is mapped": "from_message",
}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_what_a_reader_looks_for_is_a_row_of_the_first_table(subject: str) -> None:
    row = next(
        line
        for line in ARCHITECTURE.read_text(encoding="utf-8").splitlines()
        if line.startswith(f"| {subject} |")
    )
    assert f"`{SUBJECTS[subject]}`" in row


GREPPED = {
    "Debounce of barge-in": "frontend/vdx/dialog/turn.py",
    "speculative transcript": "frontend/vdx/speech/input/asr.py",
    "Sample-exact resume": "frontend/vdx/speech/output/playout.py",
    "swapped in mid-call": "frontend/vdx/dialog/reply_voice.py",
    "engine's error": "frontend/vdx/serving/triton_errors.py",
}
"""What a reader would search the code for -> a module that has to be found by it."""


@pytest.mark.parametrize("words", GREPPED)
def test_the_words_of_the_field_find_the_code(words: str) -> None:
    assert words in (ROOT / GREPPED[words]).read_text(encoding="utf-8")


def test_every_module_that_families_share_is_told() -> None:
    told = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    shared = (ROOT / "triton_backends" / "shared").glob("[!_]*.py")
    assert [each.name for each in sorted(shared) if f"`{each.name}`" not in told] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_setting_that_is_named_exists(document: Path) -> None:
    sections = set(Config.model_fields)
    named = {
        code
        for code in CODE.findall(prose(document))
        if SETTING.fullmatch(code)
        and code.split(".")[0] in sections
        and PROTOCOL.fullmatch(code) is None
        and code.rsplit(".", 1)[-1] not in FILE_ENDINGS
    }
    assert [key for key in sorted(named) if not is_setting(Config, key.split("."))] == []


DEFAULTS = re.compile(r"^\| `(?P<key>[a-z_.]+)` \| (?P<value>[\w.-]+) \|", re.MULTILINE)


def test_the_defaults_in_the_architecture_are_those_of_the_configuration() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    table = text[text.index("| setting | default |") :].partition("\n\n")[0]
    told = {found["key"]: json.loads(found["value"]) for found in DEFAULTS.finditer(table)}
    actual = {key: _default(key) for key in told}
    assert told == actual
    assert len(told) == table.count("\n") - 1


def _default(key: str) -> object:
    value: object = Config()
    for name in key.split("."):
        value = getattr(value, name)
    return value


REPLACED_WORDS = {
    "floor": "turn machine, threshold",
    "moves": "decisions",
    "notice": "event",
    "notices": "events",
    "mouth": "audio output",
    "ears": "audio input, playback",
    "courier": "outbox",
    "narrator": "presenter",
    "encounter": "bench client",
    "visit": "session, call",
    "scenario": "run_users",
    "leaving": "draining",
    "orphan": "unused, left over",
    "orphans": "unused, left over",
    "guardian": "watchdog",
    "endings": "semantic endpointing",
    "patience": "timeout, retry",
    "hush": "silence",
    "trouble": "error",
    "unforeseen": "internal error",
    "telling": "stop stream",
    "hasty": "fast reconnect",
    "vanish": "killed client",
    "person": "user, participant",
    "people": "users, speakers",
    "wish": "request, options",
    "wishes": "metadata, options",
    "pulse": "heartbeat",
    "stay": "residency",
    "tally": "stats, counts",
    "tallies": "stats, counts",
    "carrier": "cache",
    "asleep": "silent, idle",
    "stranger": "untrusted, unknown",
    "hole": "underrun, dropout",
    "holes": "underruns, dropouts",
}
"""Word of this project's former private vocabulary -> the term of the glossary.

A reader who knows the field finds code by the field's words, so these do not come back as names.
"""

FIELD_TERMS = {
    "noise_floor",  # the level of the background noise
    "_noise_floor",
    "floor",  # the least value of a signal or a range
    "FLOOR",
    "_FLOOR",
    "floor_hz",
    "_visit",  # the visitor pattern
}
"""Names with such a word that is the field's own there."""


@functools.cache
def _nodes(path: Path) -> list[ast.AST]:
    """The syntax of a module, walked once for all that look at it."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def _identifiers(path: Path) -> Iterator[str]:
    """Names that a module defines or assigns: classes, functions, arguments, variables, fields."""
    for node in _nodes(path):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield name
            case ast.AsyncFunctionDef(name=name) | ast.arg(arg=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.alias(asname=str(name)):
                yield name
            case _:
                pass


def _words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def _sources() -> list[Path]:
    folders = ("frontend/vdx", "triton_backends", "benchmarks", "scripts")
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in found if "_data" not in path.parts)


def test_names_use_the_words_of_the_glossary() -> None:
    sources = _sources()
    assert len(sources) > 200
    found = {
        f"{path.relative_to(ROOT)}: {name}: use {REPLACED_WORDS[word]}"
        for path in sources
        for name in [path.stem, *_identifiers(path)]
        if name not in FIELD_TERMS
        for word in _words(name) & REPLACED_WORDS.keys()
    }
    assert sorted(found) == []


MOST_LINES = 50
"""Of a function: what fits a screen, its docstring included; options of a command do not count."""


def test_a_function_fits_a_screen() -> None:
    long = {
        f"{path.relative_to(ROOT)}: {node.name}: {lines} lines"
        for path in _sources()
        for node in _nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.body[0].lineno + 1) > MOST_LINES
    }
    assert sorted(long) == []


def test_a_replaced_word_is_found_in_every_kind_of_name(tmp_path: Path) -> None:
    source = tmp_path / "module.py"
    source.write_text(
        "import ast as the_ears\nclass Patience: ...\nasync def hush(person): self.ORPHANS_S = 1\n"
    )
    found = {word for name in _identifiers(source) for word in _words(name)}
    assert {"ears", "patience", "hush", "person", "orphans"} <= found
