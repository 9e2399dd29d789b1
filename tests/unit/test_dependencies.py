"""What the wheel declares is what the package imports, and what its lock installs."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions

from vdx.core.paths import PACKAGE, locate

CHECKOUT = locate().data
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]

OF_THEIR_OWN = {"serving/llama_process.py": "llm.in"}
"""Programs of the package that run with the packages of another list alone."""


def canonical(requirement: str) -> str:
    """The name in a requirement as PEP 503 writes it."""
    name = re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


DECLARED = {canonical(requirement) for requirement in PROJECT["dependencies"]}

EXTRAS = PROJECT["optional-dependencies"]
OPTIONAL = {
    "bench/": {canonical(each) for each in EXTRAS["bench"]},
    "app/mcp_": {canonical(each) for each in EXTRAS["mcp"]},
}
"""What one part alone uses; it says what to install where it is missing."""


def imports() -> Iterator[tuple[str, str]]:
    """(file:line, top-level module) of every import of something outside `vdx`, late ones too."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for top in {name.partition(".")[0] for name in names}:
                if top not in {"vdx", *sys.stdlib_module_names}:
                    yield f"{file.relative_to(PACKAGE)}:{node.lineno}", top


def listed(name: str) -> set[str]:
    """The packages that a list of `requirements/` names; none for an empty name."""
    lines = (CHECKOUT / "requirements" / name).read_text().splitlines() if name else []
    return {canonical(line) for line in lines if line and not line.startswith("#")}


def test_every_import_is_declared() -> None:
    owners = packages_distributions()
    wrong = [
        f"{place}: {top}"
        for place, top in imports()
        if not DECLARED & {canonical(name) for name in owners.get(top, [])}
        and not any(place.startswith(part) and top in names for part, names in OPTIONAL.items())
        and top not in listed(OF_THEIR_OWN.get(place.partition(":")[0], ""))
    ]
    assert wrong == []


def test_what_is_declared_is_what_is_locked() -> None:
    assert listed("frontend.in") == DECLARED
    lock = (CHECKOUT / "requirements" / "frontend.txt").read_text()
    assert {canonical(line) for line in lock.splitlines() if "==" in line} >= DECLARED
