"""`vdx profile`: where a running server or the process of a model spends its time (py-spy), and
what the operators of a model's networks take (onnxruntime).
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from vdx.cli.console import tell
from vdx.cli.server import DEFAULT_URL, Key, Url, call
from vdx.core.errors import InvalidInput, SetupError, UnknownName

app = typer.Typer(add_completion=False, rich_markup_mode=None)

FRONTEND = "frontend"
RATE = 100
"""Samples a second."""


@app.command()
def profile(
    what: Annotated[
        str, typer.Argument(metavar="[frontend|MODEL]", help="The server, or a loaded model.")
    ] = FRONTEND,
    seconds: Annotated[int, typer.Option(min=1, max=3600, help="How long.")] = 30,
    out: Annotated[
        Path | None, typer.Option(help="The flame graph.  [default: profile-WHAT.svg]")
    ] = None,
    top: Annotated[
        bool, typer.Option("--top", help="A live view in the terminal instead; Ctrl-C ends it.")
    ] = False,
    native: Annotated[
        bool, typer.Option("--native", help="C libraries too; slows the process down.")
    ] = False,
    onnx: Annotated[
        bool,
        typer.Option(
            "--onnx", help="What each operator of MODEL takes, in a Triton of its own; no server."
        ),
    ] = False,
    url: Url = DEFAULT_URL,
    api_key: Key = "",
) -> None:
    """Draw a flame graph of a running server or model on this machine.

    Reading another process needs root, or the same user where kernel.yama.ptrace_scope is 0. With
    --onnx, --out is the folder that gets the traces, for Perfetto or chrome://tracing.
    """
    if onnx:
        if top or native or what == FRONTEND:
            raise InvalidInput("--onnx is of a MODEL, without --top and --native", param="onnx")
        _operators(what, out or Path(f"profile-{what}"))
        return
    if top and out is not None:
        raise InvalidInput("--top shows and writes nothing; leave --out out", param="out")
    program = _py_spy()
    pids = _processes(what, call("GET", url, "/vdx/status", api_key))
    common = ["--rate", str(RATE), "--pid", str(pids[0]), *(["--native"] if native else [])]
    if len(pids) > 1:
        tell(f"{what} has {len(pids)} processes; this is {pids[0]}")
    if top:
        raise typer.Exit(subprocess.run([program, "top", *common], check=False).returncode)
    target = out or Path(f"profile-{what}.svg")
    options = ["--duration", str(seconds), "--output", str(target), "--threads"]
    # GIL or not: a model that computes in C is busy all the same.
    done = subprocess.run([program, "record", *options, *common], check=False)
    if done.returncode:
        raise SetupError("py-spy could not read the process; run it as root (sudo)")
    typer.echo(target)


def _operators(model: str, out: Path) -> None:
    from vdx.cli.onnx_profile import operators, rows, traces_of
    from vdx.cli.table import print_table

    found = operators(traces_of(model, out))
    print_table(("network", "operator", "calls", "ms", "%"), rows(found))
    typer.echo(out)


def _py_spy() -> str:
    """Beside this interpreter, or on PATH."""
    own = Path(sys.executable).with_name("py-spy")
    if found := (str(own) if own.exists() else shutil.which("py-spy")):
        return found
    raise SetupError(f"py-spy is not here; run: {sys.executable} -m pip install py-spy")


def _processes(what: str, status: dict[str, Any]) -> list[int]:
    """Process ids, those of a model sorted; of the Tritons that the server started where it did.

    Raises:
        UnknownName: no model of this name has a process here.
        SetupError: the server does not tell its process, or it is on another machine.
    """
    from vdx.core.process_identity import process_identity
    from vdx.serving.model_processes import model_processes

    pid, identity = status.get("pid"), status.get("process")
    if not pid or not identity or process_identity(int(pid)) != identity:
        raise SetupError("that server runs on another machine; run vdx profile there")
    if what == FRONTEND:
        return [int(pid)]
    own = [each["pid"] for each in status.get("tritons", ()) if each["pid"]]
    if found := sorted(one for server in own or [None] for one in model_processes((what,), server)):
        return found
    raise UnknownName(
        f"no process of a model {what!r} runs here; `vdx models list` says what is loaded",
        param="what",
    )
