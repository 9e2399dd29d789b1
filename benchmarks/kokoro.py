"""`python -m benchmarks kokoro`: the Kokoro voice that was pulled, in windows and as a whole."""

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

from vdx.bench.client_process import Step
from vdx.bench.figures import Report
from vdx.core.errors import SetupError
from vdx.core.paths import Paths, locate

VOICE = "kokoro-ja"
HERE = Path(__file__).parent
LIMIT_S = 600.0


async def measure(rounds: int, step: Step, *, tiny: bool = False) -> Report:
    """First sound and real-time factor of a sentence of 5 seconds, without a server.

    Raises SetupError where the voice was not pulled; `tiny` takes one of random weights.
    """
    paths = locate()
    report = Report("kokoro", {"rounds": rounds, "voice": "tiny" if tiny else VOICE})
    found: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as made:
        folder = await _made(paths, Path(made)) if tiny else _pulled(paths)
        async with contextlib.aclosing(_rounds(paths, folder, rounds)) as lines:
            async for line in lines:
                found.append(line)
                step()
    first = [1000 * each["first_s"] for each in found]
    factors = [each["seconds"] / each["audio_s"] for each in found]
    alone = [each["whole_s"] / each["whole_audio_s"] for each in found]
    report.add("first sound of a 5-second sentence", "ms", first, median=700)
    report.add("real-time factor", "", factors, median=0.55)
    report.add("real-time factor of the whole sentence in one run", "", alone)
    report.add("distance of windows and whole", "dB", [each["distance_db"] for each in found])
    return report


def _pulled(paths: Paths) -> Path:
    folder = paths.home / "voicepacks" / "kokoro" / VOICE
    if not folder.is_dir():
        raise SetupError(f"the voice is not here; run: vdx voices pull {VOICE}")
    return folder


async def _made(paths: Paths, folder: Path) -> Path:
    command = [str(paths.triton_python), str(HERE / "kokoro_voice.py"), str(folder)]
    process = await asyncio.create_subprocess_exec(*command)
    if await process.wait() != 0:
        raise SetupError("the tiny voice could not be made; see the lines above")
    return folder


async def _rounds(paths: Paths, folder: Path, rounds: int) -> AsyncGenerator[dict[str, float]]:
    command = [str(paths.triton_python), str(HERE / "kokoro_compute.py"), str(folder), str(rounds)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        for _ in range(rounds):
            async with asyncio.timeout(LIMIT_S):
                line = await process.stdout.readline() if process.stdout else b""
            if not line:
                raise SetupError("the voice could not be measured; see the lines above")
            yield json.loads(line)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
