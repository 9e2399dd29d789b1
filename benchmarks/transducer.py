"""`python -m benchmarks transducer`: streaming recognisers of the real size, random weights."""

import contextlib

from benchmarks.compute_lines import json_lines
from vdx.bench.client_process import Step
from vdx.bench.figures import Report
from vdx.core.paths import locate

LAYOUTS = {
    "zipformer": "Zipformer 2, 66 M, 320 ms",
    "fastconformer": "FastConformer, 120 M, 160 ms",
}


async def measure_conversations(rounds: int, step: Step) -> Report:
    """When partial and final transcripts come in conversations over a server, of each layout."""
    from benchmarks import transducer_conversation

    report = Report("transducer", {"rounds": rounds, "conversation": True})
    for layout, name in LAYOUTS.items():
        await transducer_conversation.measure(name, layout, rounds, report, step)
    return report


async def measure(rounds: int, step: Step) -> Report:
    """A step, a FLUSH, the state and eight speakers at once, of each layout in int8."""
    report = Report("transducer", {"rounds": rounds})
    paths = locate()
    program = (str(paths.triton_python), "-m", "benchmarks.transducer_compute")
    for layout, name in LAYOUTS.items():
        found: list[dict[str, float]] = []
        command = [*program, layout, str(rounds)]
        async with contextlib.aclosing(json_lines(command, rounds, cwd=paths.data)) as lines:
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
