"""Which tests a changed file can reach, and why.

The import graph says it for Python files, the tables below for everything else. A file that no
rule knows makes everything run.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from scripts.import_graph import ImportGraph, Source

EVERYTHING, PAGE = "everything", "the page's tests"

DOCUMENT_TESTS = ("tests/unit/test_documents.py", "tests/unit/test_architecture.py")

RULES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("requirements/clients.*", ("tests/server/test_stock_clients.py",)),
    ("requirements/*", (EVERYTHING,)),
    ("pyproject.toml", (EVERYTHING,)),
    ("scripts/make_venv.sh", (EVERYTHING,)),
    ("scripts/make_clients.sh", ("tests/server/test_stock_clients.py",)),
    (
        "tests/server/stock_clients/*",
        ("tests/server/test_stock_clients.py", "tests/server/test_tools.py"),
    ),
    ("tests/*.md", ()),
    ("tests/data/*", ()),  # whoever names it
    ("docs/*", DOCUMENT_TESTS),
    ("*.md", DOCUMENT_TESTS),
    ("mkdocs.yml", DOCUMENT_TESTS),
    ("Makefile", DOCUMENT_TESTS),
    ("frontend/web/*", (PAGE, "tests/browser/*", "tests/unit/test_wheel.py")),
    ("model_repository/*", ("tests/unit/test_wheel.py",)),
    ("voicepacks/*", ("tests/unit/serving/test_voicepack_metadata.py", "tests/unit/test_wheel.py")),
    ("frontend/vdx/*/data/*", ()),  # the modules of the folder around it
    ("benchmarks/data/*", ()),
    ("frontend/vdx/py.typed", ("tests/unit/test_wheel.py",)),
    ("scripts/hatch_build.py", ("tests/unit/test_wheel.py",)),
    ("scripts/*", ()),
    (".ci/*", ()),
    (".gitignore", ()),
    (".pre-commit-config.yaml", ()),
    ("LICENSE", ()),
)
"""Files -> what runs beside the tests that use or name the file; the first that fits counts."""

READERS = {
    "tests/unit/test_architecture.py": (
        "frontend/*.py",
        "triton_backends/*.py",
        "benchmarks/*.py",
        "tests/*.py",
    ),
    "tests/unit/test_import_direction.py": ("frontend/vdx/*.py",),
    "tests/unit/test_wheel.py": ("frontend/vdx/*.py",),
    "tests/unit/core/test_errors.py": ("frontend/vdx/*.py",),
}
"""Tests that read or import whatever is there."""

DEFAULT_MODELS = {
    "tests/browser/": ("espeak", "pocketsphinx"),
    "tests/starters/": ("piper", "whisper", "espeak", "pocketsphinx"),
    "tests/bench/": ("canned", "espeak", "pocketsphinx", "tone"),
    "tests/faults/": ("canned", "tone"),
    "tests/livekit/": ("canned", "tone"),
    "tests/security/": ("canned", "tone"),
    "tests/server/": ("canned", "tone"),
}
"""Families whose models answer in a folder's tests, unless a test names another."""

EVERY_MODEL = {"model_names", "models_of_kind"}
"""Functions of tests/triton/repository.py that list the models that come with vdx."""


@dataclass
class Selection:
    """What runs: test files and groups, each with its reason."""

    tests: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    unreached: list[str] = field(default_factory=list)

    def add(self, name: str, reason: str) -> None:
        place = self.groups if name in {EVERYTHING, PAGE} else self.tests
        place.setdefault(name, reason)

    def lines(self) -> Iterator[str]:
        if EVERYTHING in self.groups:
            yield f"  {EVERYTHING}: {self.groups[EVERYTHING]}"
            return
        for name, reason in [*self.groups.items(), *sorted(self.tests.items())]:
            yield f"  {name}: {reason}"
        for name in self.unreached:
            yield f"  nothing: no test uses {name}"
        if not (self.groups or self.tests or self.unreached):
            yield "  nothing: nothing has changed"


def select(root: Path, files: Iterable[str], changed: Iterable[str]) -> Selection:
    """The tests that a change of `changed` can reach; paths are relative to `root`."""
    changed = sorted(changed)
    files = {*files, *changed}
    # A file that is gone is still imported by those that the change has forgotten.
    graph = ImportGraph(root, files)
    families = families_of_models(root, files)
    tests = {
        name: graph.reached_from([name, *_models_of(name, graph.sources[name], families)])
        for name in sorted(graph.sources)
        if is_test(name)
    }
    chosen = Selection()
    for name in changed:
        runs = dict.fromkeys(_by_rule(name, tests), f"{name} changed")
        users = {name, *_users(name, graph.sources)}
        for test, reached in tests.items():
            if used := sorted(users & reached.keys()):
                runs.setdefault(test, _reason(name, test, _way(reached, used[0])))
        for target, reason in runs.items():
            chosen.add(target, reason)
        if not runs:
            chosen.unreached.append(name)
    if EVERYTHING in chosen.groups:
        chosen.tests.clear()
    return chosen


def is_test(name: str) -> bool:
    return fnmatch(name, "tests/*") and fnmatch(PurePosixPath(name).name, "test_*.py")


def families_of_models(root: Path, files: Iterable[str]) -> dict[str, str]:
    """Name of each model that comes with vdx -> the folder of its code in triton_backends/."""
    models: dict[str, str] = {}
    for name in files:
        if fnmatch(name, "model_repository/*/config.pbtxt") and (root / name).is_file():
            found = re.search(r'^backend: *"(\w+)"', (root / name).read_text(), re.MULTILINE)
            if found:
                models[PurePosixPath(name).parts[1]] = found[1]
    return models


def _models_of(test: str, source: Source, families: dict[str, str]) -> Iterator[str]:
    """Entry files of the families whose models a test against a real Triton uses."""
    if test.startswith("tests/unit/"):
        return
    wanted = {
        family
        for folder, all_ in DEFAULT_MODELS.items()
        if test.startswith(folder)
        for family in all_
    }
    if source.names & EVERY_MODEL:
        wanted |= {*families.values()}
    # "tone", and variants that tests make of it: "tone-slow".
    named = {re.split(r"[-/]", text, maxsplit=1)[0] for text in source.texts}
    # What a test is called, or calls: `add_piper`.
    for name in {PurePosixPath(test).stem, *source.names}:
        named.update(name.split("_"))
    yield from (f"triton_backends/{family}/model.py" for family in sorted(wanted | named))


def _by_rule(name: str, tests: Collection[str]) -> Iterator[str]:
    """What the tables say about a file, apart from who uses it."""
    for test, read in READERS.items():
        if test in tests and any(fnmatch(name, pattern) for pattern in read):
            yield test
    if name.endswith(".py"):
        return
    rules = (targets for pattern, targets in RULES if fnmatch(name, pattern))
    for target in next(rules, (EVERYTHING,)):
        if target in {EVERYTHING, PAGE}:
            yield target
        yield from (test for test in tests if fnmatch(test, target))


def _users(name: str, sources: dict[str, Source]) -> Iterator[str]:
    """Python files that name a file of another kind, or read the folder of data it is in."""
    path = PurePosixPath(name)
    if path.suffix == ".py":
        return
    if path.parts[0] in {"model_repository", "voicepacks"}:
        yield from _users_of_model(path, sources)
        return
    if "data" in path.parts and path.parts[0] in {"frontend", "benchmarks"}:
        around = PurePosixPath(*path.parts[: path.parts.index("data")])
        yield from (
            user
            for user in sources
            if PurePosixPath(user).parent == around and not user.endswith("/__init__.py")
        )
        return
    if not name.startswith(("tests/data/", "scripts/")):
        return
    names = {path.name, path.stem}
    if fnmatch(name, "tests/data/*/*") and path.parent.name != "audio":
        names.add(path.parent.name)
    for user, source in sources.items():
        if any(names.intersection(text.split("/")) for text in source.texts):
            yield user


def _users_of_model(path: PurePosixPath, sources: dict[str, Source]) -> Iterator[str]:
    model = path.parts[1] if path.parts[0] == "model_repository" else path.parts[2]
    for user, source in sources.items():
        if not user.startswith("tests/") or user.startswith("tests/unit/"):
            continue
        named = any(text == model or text.startswith(f"{model}-") for text in source.texts)
        if named or source.names & EVERY_MODEL:
            yield user


def _way(reached: dict[str, str], used: str) -> list[str]:
    """The files from a test to the one it uses, without the test."""
    way = [used]
    while reached[way[0]] != way[0]:
        way.insert(0, reached[way[0]])
    return way


def _reason(changed: str, test: str, way: list[str]) -> str:
    """Why a test runs, with the last file on the way from it to what has changed."""
    through = [name for name in way if name not in {changed, test}]
    return f"{changed} changed" + (f", used by {through[-1]}" if through else "")
