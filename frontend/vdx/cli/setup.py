"""`vdx setup`: builds the environment that models run in, and fetches the starter models."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from vdx.cli.extras import EXTRAS, JAPANESE, NEURAL, Extra
from vdx.cli.interpreters import Interpreter, find_interpreter, require_interpreter
from vdx.core.errors import SetupError, UnknownName, VdxError
from vdx.core.paths import Paths, locate
from vdx.serving.pinned import find_uv

app = typer.Typer(add_completion=False, rich_markup_mode=None)

STAMP = "vdx-requirements.sha256"
"""File in the environment with the digest of its lists, so that a second set-up does nothing."""


@app.command()
def setup(
    python: Annotated[Path | None, typer.Option(help="Python 3.11 or 3.12 to build with.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Build again from nothing.")] = False,
    light: Annotated[
        bool, typer.Option("--light", help="Without the neural voice and recogniser.")
    ] = False,
    llm: Annotated[
        bool, typer.Option("--llm", help="Also llama.cpp and a small language model.")
    ] = False,
    with_japanese: Annotated[
        bool,
        typer.Option("--japanese", help="Also what Kokoro reads Japanese with, 40 MB."),
    ] = False,
    with_neural: Annotated[
        bool,
        typer.Option(
            "--neural", help="Also PyTorch, for XTTS-v2 and Sesame CSM: 7 GB on the disk."
        ),
    ] = False,
) -> None:
    """Build the environment that models run in, and fetch the starter voice and recogniser."""
    if python is not None and not python.exists():
        raise UnknownName(f"--python {python}: there is no such file", param="python")
    build_triton_environment(locate(), python=python, force=force)
    if not light:
        _fetch_starters()
    for extra, wanted in ((JAPANESE, with_japanese), (NEURAL, with_neural)):
        if wanted:
            _install_extra(locate(), extra)
    if llm:
        from vdx.core.config import LocalConfig
        from vdx.serving.language_model_files import require_language_model

        file = require_language_model(locate(), LocalConfig(), typer.echo)
        typer.echo(f"the language model is here: {file}")


def _install_extra(paths: Paths, extra: Extra) -> None:
    """Adds an extra's libraries, and to every environment that is built after this one."""
    _add_extra(paths, find_uv(paths), extra)
    typer.echo(extra.afterwards)


def _add_extra(paths: Paths, uv: Path | None, extra: Extra) -> None:
    _add(paths, uv, [paths.requirements / extra.list_name])
    extra.mark_installed(paths)


def _fetch_starters() -> None:
    """Without them vdx starts with the light engines, so that a failure is only told."""
    from vdx.cli.voice_pulling import pull_starters

    try:
        pull_starters()
    except VdxError as error:
        typer.echo(f"{error}; until then espeak and pocketsphinx are used", err=True)


def is_current(paths: Paths) -> bool:
    """Whether the environment is there and was built from the lists as they are now."""
    stamp = paths.triton_venv / STAMP
    current = stamp.exists() and stamp.read_text() == _digest(paths)
    extras = all(extra.is_current(paths) for extra in EXTRAS)
    return paths.triton_python.exists() and current and extras


def build_triton_environment(
    paths: Paths, *, python: Path | None = None, force: bool = False
) -> None:
    """Build `paths.triton_venv` unless it is current, printing each step.

    Raises:
        SetupError: no Python fits, or a step failed; the message says how to repair it.
    """
    if is_current(paths) and not force and python is None:
        typer.echo(f"The environment for models is up to date: {paths.triton_venv}")
        return
    uv = find_uv(paths)
    typer.echo("[1/3] Looking for a Python 3.11 or 3.12 with its shared library")
    interpreter = require_interpreter(python) if python else _find(uv, paths)
    typer.echo(f"[2/3] Making {paths.triton_venv} with {interpreter.executable}")
    stamp = paths.triton_venv / STAMP
    stamp.unlink(missing_ok=True)
    wanted = [extra for extra in EXTRAS if extra.is_wanted(paths)]
    if force and paths.triton_venv.exists():
        shutil.rmtree(paths.triton_venv)
    paths.triton_venv.parent.mkdir(parents=True, exist_ok=True)
    _make(paths.triton_venv, interpreter, uv)
    for extra in wanted:
        extra.mark_wanted(paths)
    typer.echo("[3/3] Installing Triton and the engines, about 125 MB to download")
    _install(paths, uv)
    for extra in wanted:
        typer.echo(f"      Adding again {extra.gives}")
        _add_extra(paths, uv, extra)
    stamp.write_text(_digest(paths))
    typer.echo("The environment for models is ready.")


def _lists(paths: Paths) -> list[Path]:
    # The second is only in a checkout: what the engines' tests need.
    names = ("triton.txt", "dev-triton.txt")
    found = [paths.requirements / name for name in names if (paths.requirements / name).exists()]
    if not found:
        raise SetupError(f"no requirement lists in {paths.requirements}; install vdx again")
    return found


def _digest(paths: Paths) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in _lists(paths))).hexdigest()


def _find(uv: Path | None, paths: Paths) -> Interpreter:
    try:
        return find_interpreter(uv)
    except SetupError:
        if uv is not None:
            raise
        typer.echo("      None here: fetching uv, which can fetch a Python")
        uv = _fetch_uv(paths)
        if uv is None:
            raise
        return find_interpreter(uv)


def _fetch_uv(paths: Paths) -> Path | None:
    tools = paths.home / "tools"
    pip: list[Path | str] = [
        tools / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--require-hashes",
    ]
    steps: list[Sequence[Path | str]] = [
        [sys.executable, "-m", "venv", tools],
        [*pip, "-r", paths.requirements / "tools.txt"],
    ]
    for step in steps:
        if subprocess.run(step, check=False).returncode != 0:
            return None
    return tools / "bin" / "uv"


def _make(venv: Path, interpreter: Interpreter, uv: Path | None) -> None:
    if uv is not None:
        _run([uv, "venv", "--quiet", "--allow-existing", "--python", interpreter.executable, venv])
        return
    _run(
        [interpreter.executable, "-m", "venv", venv],
        f"run: sudo apt install python{interpreter.version}-venv",
    )


def _install(paths: Paths, uv: Path | None) -> None:
    lists = _lists(paths)
    if uv is not None:
        _run([uv, "pip", "sync", "--python", paths.triton_venv, "--require-hashes", *lists])
        return
    _add(paths, None, lists)


def _add(paths: Paths, uv: Path | None, lists: Sequence[Path]) -> None:
    # The lists are complete, so nothing else may be drawn in: tritonserver's carrier names a
    # web server and more as dependencies that only its own Python API needs.
    command: list[Path | str]
    if uv is not None:
        command = [uv, "pip", "install", "--quiet", "--python", paths.triton_venv, "--no-deps"]
    else:
        command = [paths.triton_python, "-m", "pip", "install", "--no-deps"]
        command += ["--disable-pip-version-check"]
    command += ["--require-hashes"]
    for path in lists:
        command += ["-r", path]
    _run(command)


def _run(command: Sequence[Path | str], mend: str = "see the lines above") -> None:
    """Run one step with its output shown; SetupError when it fails."""
    status = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    if status != 0:
        words = " ".join(str(word) for word in command[:3])
        raise SetupError(f"`{words} …` ended with status {status}; {mend}")
