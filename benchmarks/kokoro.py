"""`python -m benchmarks kokoro`: the Kokoro voice that was pulled, in windows and as a whole."""

import contextlib
import tempfile
from pathlib import Path

from benchmarks.compute_lines import json_lines
from benchmarks.served_models import make
from vdx.bench.client_process import Step
from vdx.bench.figures import Report
from vdx.core.errors import SetupError
from vdx.core.paths import Paths, locate

VOICE = "kokoro-ja"
HERE = Path(__file__).parent


async def measure(rounds: int, step: Step, *, tiny: bool = False) -> Report:
    """First sound and real-time factor of a sentence of 5 seconds, without a server.

    Raises SetupError where the voice was not pulled; `tiny` takes one of random weights.
    """
    paths = locate()
    report = Report("kokoro", {"rounds": rounds, "voice": "tiny" if tiny else VOICE})
    found: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as made:
        folder = await _made(Path(made)) if tiny else _pulled(paths)
        program = (str(paths.triton_python), str(HERE / "kokoro_compute.py"))
        measured = json_lines([*program, str(folder), str(rounds)], rounds)
        async with contextlib.aclosing(measured) as lines:
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


async def _made(folder: Path) -> Path:
    await make("the tiny voice", HERE / "kokoro_voice.py", folder)
    return folder
