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
REACH = {
    "zipformer": {
        "step_ms": 30.0,
        "flush_ms": 60.0,
        "real_time_factor": 0.1,
        "state_mb": 3.0,
        "wait_ms": 200.0,
    },
    "fastconformer": {"step_ms": 45.0, "flush_ms": 90.0, "state_mb": 3.0},
}
FIGURES = (
    ("computing a step", "ms", "step_ms"),
    ("computing a step, sherpa-onnx over the same files", "ms", "reference_ms"),
    ("computing a FLUSH", "ms", "flush_ms"),
    ("real-time factor", "", "real_time_factor"),
    ("state of a speaker", "MB", "state_mb"),
    ("longest wait of a chunk, eight speakers", "ms", "wait_ms"),
)
"""Each with its unit and its name in a line of `transducer_compute`."""


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
        reach = REACH[layout]
        for figure, unit, key in FIGURES:
            values = [each[key] for each in found if key in each]
            limit = {"median": reach[key]} if key in reach else {}
            report.add(f"{name}: {figure}", unit, values, **limit)
    return report
