"""`python -m benchmarks cosyvoice2`: what streams cost, by how quickly the hops grow."""

import asyncio
import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from benchmarks.compute_lines import json_lines
from benchmarks.cosyvoice2_compute import CASES
from vdx.bench.client_process import Step
from vdx.bench.figures import Report
from vdx.core.errors import SetupError
from vdx.core.paths import Paths, locate

VARIABLE = "COSYVOICE_HOME"


async def measure(rounds: int, step: Step) -> Report:
    """Processor time of a stream of 6.4 s against one decode, on the narrow network.

    Raises SetupError where COSYVOICE_HOME names no checkout.
    """
    if not os.environ.get(VARIABLE):
        raise SetupError(f"set {VARIABLE} to a checkout of CosyVoice (docs/voices.md)")
    paths = locate()
    report = Report("cosyvoice2", {"rounds": rounds})
    with tempfile.TemporaryDirectory() as made:
        folder = await _voicepack(paths, Path(made))
        program = (str(paths.triton_python), "-m", "benchmarks.cosyvoice2_compute")
        measured = json_lines([*program, str(folder), str(rounds)], len(CASES), cwd=paths.data)
        async with contextlib.aclosing(measured) as lines:
            cases = iter(CASES)
            async for line in lines:
                seconds, growth = next(cases)
                name = f"recording of {seconds} s, hops grow {growth} times"
                report.add(f"{name}: against at once", "times", [line["stream_s"] / line["once_s"]])
                report.add(f"{name}: tokens read against at once", "times", [line["read"]])
                report.add(f"{name}: pieces", "", [line["pieces"]])
                step()
    return report


async def _voicepack(paths: Paths, place: Path) -> Path:
    """The files side by side, as a voicepack has them."""
    command = [str(paths.triton_python), "-m", "benchmarks.cosyvoice2_voice"]
    process = await asyncio.create_subprocess_exec(
        *command, str(place / "published"), cwd=paths.data
    )
    if await process.wait() != 0:
        raise SetupError("the narrow voice could not be made; see the lines above")
    return await asyncio.to_thread(_flat, place)


def _flat(place: Path) -> Path:
    flat = place / "own"
    flat.mkdir()
    for file in (place / "published").rglob("*"):
        if file.is_file():
            shutil.move(file, flat / file.name)
    return flat
