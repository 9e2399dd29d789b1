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
REACH: dict[str, dict[str, dict[str, float]]] = {
    "zipformer": {
        "step_ms": {"median": 30.0},
        "flush_ms": {"median": 60.0},
        "real_time_factor": {"median": 0.1},
        "state_mb": {"max": 3.0},
        "wait_ms": {"max": 200.0},
    },
    "fastconformer": {
        "step_ms": {"median": 45.0},
        "flush_ms": {"median": 90.0},
        "state_mb": {"max": 3.0},
    },
}
"""Eight people's steps of a FastConformer are more than two cores compute in time."""
FIGURES = (
    ("computing a step", "ms", "step_ms"),
    ("computing a step, sherpa-onnx over the same files", "ms", "reference_ms"),
    ("computing a FLUSH", "ms", "flush_ms"),
    ("real-time factor", "", "real_time_factor"),
    ("state of a speaker", "MB", "state_mb"),
    ("longest wait of a chunk, eight speakers", "ms", "wait_ms"),
)
"""Each with its unit and its name in a line of `transducer_compute`."""


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
            report.add(f"{name}: {figure}", unit, values, **reach.get(key, {}))
    return report
