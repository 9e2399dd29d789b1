"""`vdx profile MODEL --onnx`: what each operator of a model's networks takes.

The model is loaded in a Triton of its own and speaks, or hears a recording; what its sessions wrote
(`triton_backends/shared/onnx_profile.py`) is added up.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vdx.core.errors import InvalidInput, SetupError, UnknownName

FOLDER = "ONNX_PROFILE_FOLDER"
SPOKEN = (
    "The train to the coast leaves at nine. It stops in three towns, and you need a ticket for "
    "the bicycle. Shall I buy both of them now?"
)
HEARD = "ps_librivox_0880.wav"
WRITTEN = re.compile(r"-\d+_\d{4}-\d\d-\d\d_.*\.json$")
"""What follows the network in the name of a trace: process and time."""
MOST = 15
"""Operators that a table shows; the rest is one line."""


@dataclass(frozen=True, slots=True)
class Operator:
    """All nodes of one type in one network; `seconds` of all calls together."""

    network: str
    name: str
    calls: int
    seconds: float


def traces_of(model: str, out: Path) -> list[Path]:
    """Has the model work once and copies the traces of its sessions to the folder `out`.

    Raises:
        UnknownName: there is no such model here.
        InvalidInput: it neither speaks nor hears.
        SetupError: it wrote none, because it has no network of onnxruntime.
    """
    from vdx.core import settings

    passed_on = json.dumps([*settings.load().config.embedded.environment, FOLDER])
    with tempfile.TemporaryDirectory(prefix="vdx-onnx-") as folder:
        # Not the Triton that runs: its sessions write nothing.
        command = [
            *_work(model, folder),
            "--set",
            f"embedded.environment={passed_on}",
            "--set",
            f"triton.url=unix:{folder}/none",
        ]
        done = subprocess.run(
            [sys.executable, "-m", "vdx.cli", *command],
            env={**os.environ, FOLDER: folder},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SetupError(f"{model} could not be profiled: {done.stderr.strip()[-500:]}")
        found = sorted(Path(folder).glob("*.json"))
        if not found:
            raise SetupError(f"{model} has no network of onnxruntime; try --top or --native")
        out.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copy(each, out)) for each in found]


def operators(files: Iterable[Path]) -> list[Operator]:
    """Of traces of onnxruntime, the dearest first; raises InvalidInput where one is none."""
    calls: dict[tuple[str, str], int] = defaultdict(int)
    spent: dict[tuple[str, str], float] = defaultdict(float)
    for file in files:
        network = WRITTEN.sub("", file.name)
        try:
            events = json.loads(file.read_text(encoding="utf-8"))
            for event in events:
                kind = event.get("args", {}).get("op_name")
                if event.get("cat") == "Node" and kind and event["name"].endswith("_kernel_time"):
                    calls[network, kind] += 1
                    spent[network, kind] += event["dur"] / 1e6
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidInput(f"{file} is no trace of onnxruntime: {error!r}") from None
    found = [Operator(*key, calls[key], spent[key]) for key in spent]
    return sorted(found, key=lambda each: -each.seconds)


def rows(found: list[Operator]) -> list[list[str]]:
    """Cells of a table: network, operator, calls, ms, per cent."""
    whole = sum(each.seconds for each in found) or 1.0
    shown = [
        [
            each.network,
            each.name,
            str(each.calls),
            f"{each.seconds * 1000:.1f}",
            f"{100 * each.seconds / whole:.1f}",
        ]
        for each in found[:MOST]
    ]
    if rest := found[MOST:]:
        ms = sum(each.seconds for each in rest) * 1000
        calls = str(sum(each.calls for each in rest))
        shown.append(["", "others", calls, f"{ms:.1f}", f"{ms / whole / 10:.1f}"])
    return shown


def _work(model: str, folder: str) -> list[str]:
    """The command that has a model compute; what it writes goes to `folder`."""
    from vdx.cli.launch import models_here
    from vdx.core.paths import locate

    here = asyncio.run(models_here())
    if model not in here:
        raise UnknownName(f"there is no model {model!r} here; there are: {', '.join(here)}")
    match here[model].kind:
        case "tts":
            return ["say", "--voice", model, "--out", f"{folder}/spoken.wav", SPOKEN]
        case "asr":
            return ["transcribe", "--model", model, str(locate().recordings / HEARD)]
        case kind:
            raise InvalidInput(f"{model} is a model of kind {kind}: it neither speaks nor hears")
