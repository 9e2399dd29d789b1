"""Runs the tests that a change can reach, and says for each why: `make test-changed`.

A change is what differs from the base, commits and working tree together. The base is BASE, or
where this branch left origin/main or main, or HEAD. `--list` says what would run, and runs nothing.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.changed_rules import EVERYTHING, PAGE, Selection, select

ROOT = Path(__file__).resolve().parents[1]
ENGINES = "tests/unit/backends"
NOTHING_LEFT = 5
"""Status of pytest where `-m` left every test out."""
PYTHON = ".venv/bin/python"
ENGINES_PYTHON = ".venv-triton/bin/python"
MAIN = ("origin/main", "main")


class GitError(Exception):
    """Git did not do what it was asked; the text is its own."""


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise GitError(done.stderr.strip() or f"git {arguments[0]} failed")
    return done.stdout


def find_base(root: Path, wanted: str) -> str:
    """The commit that the working tree is compared with.

    Raises:
        GitError: there is no such commit as `wanted`.
    """
    if wanted:
        return git(root, "rev-parse", "--verify", f"{wanted}^{{commit}}").strip()
    for main in MAIN:
        try:
            return git(root, "merge-base", "HEAD", main).strip()
        except GitError:
            continue
    return git(root, "rev-parse", "HEAD").strip()


def changed_files(root: Path, base: str) -> list[str]:
    """Files that were added, changed or removed since `base`, those git does not track included."""
    changed = git(root, "diff", "--name-only", "--no-renames", "-z", base).split("\0")
    new = git(root, "ls-files", "--others", "--exclude-standard", "-z").split("\0")
    return sorted({*changed, *new} - {""})


def project_files(root: Path) -> list[str]:
    listed = git(root, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    return sorted({*listed.split("\0")} - {""})


def commands(chosen: Selection) -> Iterator[list[str]]:
    """What runs the chosen tests: the engines', the page's, and the others'."""
    tests = [*chosen.tests]
    all_of_them = EVERYTHING in chosen.groups
    engines = [test for test in tests if test.startswith(ENGINES)]
    others = [test for test in tests if not test.startswith(ENGINES)]
    if engines or all_of_them:
        quiet = ["--quiet", "-m", "not neural"]
        yield [ENGINES_PYTHON, "-m", "pytest", *quiet, *(engines or [ENGINES])]
    if PAGE in chosen.groups or all_of_them:
        yield [PYTHON, "scripts/build_page.py", "--", "run", "--silent", "test"]
    if others or all_of_them:
        shared_out = ["--numprocesses", "3", "--dist", "loadfile", "-m", "not long and not neural"]
        yield [PYTHON, "-m", "pytest", *shared_out, *others]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", default=os.environ.get("BASE", ""), help="a commit or branch")
    parser.add_argument("--list", action="store_true", help="only say what would run")
    options = parser.parse_args()
    try:
        base = find_base(ROOT, options.base)
        chosen = select(ROOT, project_files(ROOT), changed_files(ROOT, base))
    except GitError as error:
        print(f"test-changed: {error}", file=sys.stderr)
        return 2
    print(f"changes since {base[:12]}:", *chosen.lines(), sep="\n", flush=True)
    if options.list:
        return 0
    runs = [subprocess.run(command, cwd=ROOT, check=False) for command in commands(chosen)]
    # Nothing is left of a choice of tests that need the extra environment.
    return int(any(run.returncode not in {0, NOTHING_LEFT} for run in runs))


if __name__ == "__main__":
    sys.exit(main())
