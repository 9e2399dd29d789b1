"""`python -m benchmarks transducer`: streaming recognisers of the real size, random weights."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator

from vdx.bench.client_process import Step
from vdx.bench.figures import Report
from vdx.core.errors import SetupError
from vdx.core.paths import Paths, locate

LAYOUTS = {
    "zipformer": "Zipformer 2, 66 M, 320 ms",
    "fastconformer": "FastConformer, 120 M, 160 ms",
}
LIMIT_S = 900.0


async def measure(rounds: int, step: Step) -> Report:
    """A step, a FLUSH, the state and eight speakers at once, of each layout in int8."""
    report = Report("transducer", {"rounds": rounds})
    for layout, name in LAYOUTS.items():
        found: list[dict[str, float]] = []
        async with contextlib.aclosing(_rounds(locate(), layout, rounds)) as lines:
            async for line in lines:
                found.append(line)
                step()
        report.add(f"{name}: computing a step", "ms", [each["step_ms"] for each in found])
        report.add(f"{name}: computing a FLUSH", "ms", [each["flush_ms"] for each in found])
        report.add(f"{name}: real-time factor", "", [each["real_time_factor"] for each in found])
        report.add(f"{name}: state of a speaker", "MB", [each["state_mb"] for each in found])
        waits = [each["wait_ms"] for each in found]
        report.add(f"{name}: longest wait of a chunk, eight speakers", "ms", waits)
    return report


async def _rounds(paths: Paths, layout: str, rounds: int) -> AsyncGenerator[dict[str, float]]:
    command = ["-m", "benchmarks.transducer_compute", layout, str(rounds)]
    process = await asyncio.create_subprocess_exec(
        str(paths.triton_python), *command, stdout=asyncio.subprocess.PIPE, cwd=paths.data
    )
    try:
        for _ in range(rounds):
            async with asyncio.timeout(LIMIT_S):
                line = await process.stdout.readline() if process.stdout else b""
            if not line:
                raise SetupError("the model could not be measured; see the lines above")
            yield json.loads(line)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
