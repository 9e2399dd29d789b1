"""Which Python files of the project a Python file uses, read from the syntax trees.

Own code, because grimp reads importable packages only, which tests and scripts are not, and
pytest-testmon sees nothing of the processes that tests start.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

SOURCE_FOLDERS = ("", "frontend/")
"""Where imports begin; `pythonpath` in pyproject.toml."""

PACKAGES = ("vdx", "triton_backends", "benchmarks", "tests", "scripts")
DOTTED = re.compile(rf"(?<![\w./])(?:{'|'.join(PACKAGES)})(?:\.\w+)+")
COMMANDS = "frontend/vdx/cli/"
BENCHES = ("frontend/vdx/cli/bench/", "benchmarks/")
STARTS_COMMANDS = re.compile(r"tests/(?!unit/(?!cli/))|frontend/vdx/bench/")
"""What starts commands of `vdx`: `vdx("say", ...)` and ["bench", "turn"] use their modules."""


class Source:
    """A parsed Python file.

    `imports` are dotted names, `texts` all strings but docstrings, `names` what the code mentions,
    `heads` the strings that a call or a list begins with, each with the string after it.
    """

    def __init__(self, text: str) -> None:
        self.imports: set[str] = set()
        self.texts: set[str] = set()
        self.names: set[str] = set()
        self.heads: set[tuple[str, str]] = set()
        docstrings: set[int] = set()
        for node in ast.walk(ast.parse(text)):  # parents first
            match node:
                case ast.Import():
                    self.imports.update(alias.name for alias in node.names)
                case ast.ImportFrom():
                    # `from a import b` may name a module `a.b`.
                    self.imports.update(f"{node.module}.{alias.name}" for alias in node.names)
                case ast.Name():
                    self.names.add(node.id)
                case ast.Attribute():
                    self.names.add(node.attr)
                case ast.Expr():
                    docstrings.add(id(node.value))
                case ast.Call(args=elements) | ast.List(elts=elements) | ast.Tuple(elts=elements):
                    self.heads.update(_head(elements))
                case ast.Constant(value=str(value)) if id(node) not in docstrings:
                    self.texts.add(value)


class ImportGraph:
    """The project's Python files and which of the others each of them uses.

    `files` are paths relative to `root`. Those of them that are gone use nothing, but what still
    imports them is found.
    """

    def __init__(self, root: Path, files: Iterable[str]) -> None:
        paths = sorted(name for name in files if name.endswith(".py"))
        self.sources = {
            name: Source((root / name).read_text(encoding="utf-8"))
            for name in paths
            if (root / name).is_file()
        }
        self._modules = {module: name for name in paths for module in _modules(name)}
        self._paths = set(paths)
        names = Counter(PurePosixPath(name).name for name in paths)
        self._programs = {
            file: [name] for name in paths if names[file := PurePosixPath(name).name] == 1
        }
        """Files that a text can name alone, such as a script that is started by its path."""
        self._uses = {name: set(self._used_by(name)) - {name} for name in self.sources}

    def reached_from(self, starts: Iterable[str]) -> dict[str, str]:
        """Every file that `starts` use, directly or not, and the file that uses it first.

        A start has itself there.
        """
        found = {start: start for start in starts if start in self._paths}
        waiting = list(found)
        for name in waiting:  # grows while it is read
            for used in sorted(self._uses.get(name, ())):
                if used not in found:
                    found[used] = name
                    waiting.append(used)
        return found

    def _used_by(self, name: str) -> Iterator[str]:
        source = self.sources[name]
        for module in source.imports:
            yield from self._files_of(module)
        for text in source.texts:
            for module in DOTTED.findall(text):
                yield from self._files_of(module)
                yield from self._files_of(f"{module}.__main__")
            yield from self._programs.get(PurePosixPath(text).name, ())
        if STARTS_COMMANDS.match(name):
            yield from self._commands(source, benches=name.startswith("tests/bench/"))
        if name.startswith("tests/"):
            folders = (f"{folder}/conftest.py" for folder in PurePosixPath(name).parents)
            yield from self._paths.intersection(folders)

    def _files_of(self, module: str) -> Iterator[str]:
        """The module, or the one that holds this name, and the packages around it."""
        parts = module.split(".")
        for end in range(1, len(parts) + 1):
            if (name := self._modules.get(".".join(parts[:end]))) is not None:
                yield name

    def _commands(self, source: Source, *, benches: bool) -> Iterator[str]:
        names = {f"{first}/{second}" for first, second in source.heads}
        names |= {first for first, _ in source.heads}
        folders = (COMMANDS, *BENCHES) if benches else (COMMANDS,)
        modules = (f"{each}{name.replace('-', '_')}.py" for name in names for each in folders)
        yield from self._paths.intersection(modules)


def _modules(name: str) -> Iterator[str]:
    """Dotted names that a file is imported by."""
    for folder in SOURCE_FOLDERS:
        if name.startswith(folder):
            path = PurePosixPath(name.removeprefix(folder)).with_suffix("")
            parts = path.parts[:-1] if path.name == "__init__" else path.parts
            yield ".".join(parts)


def _head(elements: list[ast.expr]) -> Iterator[tuple[str, str]]:
    texts = [e.value if isinstance(e, ast.Constant) else None for e in elements[:2]]
    first, second = [*texts, None, None][:2]
    if isinstance(first, str):
        yield first, second if isinstance(second, str) else ""
