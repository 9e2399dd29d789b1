"""`python -m benchmarks smart-turn`: a question to the endpointer, beside its bare graph."""

import contextlib
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.compute_lines import json_lines
from benchmarks.smart_turn_compute import LENGTHS_S, turn
from vdx.bench.client_process import Step
from vdx.bench.figures import Report
from vdx.bench.target import Target
from vdx.core.errors import SetupError
from vdx.core.paths import locate
from vdx.serving.triton import TritonClient

ENDPOINTER: Final = "smart-turn-v3.2"
WAIT_MS: Final = 10_000
MOST_MS: Final = 60.0
"""Of a question, at p95, to be reached; and MOST_TIMES the p95 of the graph alone."""
MOST_TIMES: Final = 1.2


async def measure(target: Target, rounds: int, step: Step) -> Report:
    """`rounds` questions in a process on one core, then as many to Triton.

    Raises:
        SetupError: the endpointer was not pulled.
        TritonError: it did not answer.
    """
    asked = [line async for line in _alone(locate().home, rounds, step)]
    question = [line["question_ms"] for line in asked]
    graph = [line["graph_ms"] for line in asked]
    report = Report("smart-turn", {"rounds": rounds, "endpointer": ENDPOINTER})
    report.add("the bare graph in onnxruntime, one core", "ms", graph)
    report.add("a question, features and graph, one core", "ms", question, p95=MOST_MS)
    times = float(np.percentile(question, 95) / np.percentile(graph, 95))
    report.add("p95 of a question in those of the graph", "", [times], median=MOST_TIMES)
    through = [took async for took in _through_triton(target, rounds, step)]
    report.add("a question to Triton, over gRPC", "ms", through, p95=MOST_MS)
    return report


async def _alone(home: Path, rounds: int, step: Step) -> AsyncGenerator[dict[str, float]]:
    folder = home / "voicepacks" / "smart_turn" / ENDPOINTER
    if not folder.is_dir():
        raise SetupError(f"the endpointer is not here; run: vdx voices pull {ENDPOINTER}")
    paths = locate()
    command = (str(paths.triton_python), "-m", "benchmarks.smart_turn_compute")
    lines = json_lines([*command, str(folder), str(rounds)], rounds, cwd=paths.data)
    async with contextlib.aclosing(lines) as told:
        async for line in told:
            yield line
            step()


async def _through_triton(target: Target, rounds: int, step: Step) -> AsyncGenerator[float]:
    async with TritonClient(target.triton_config) as client:
        await client.load(ENDPOINTER)
        await client.judge(ENDPOINTER, turn(1).tobytes(), WAIT_MS)
        for number in range(rounds):
            pcm = turn(LENGTHS_S[number % len(LENGTHS_S)]).tobytes()
            began = time.perf_counter()
            await client.judge(ENDPOINTER, pcm, WAIT_MS)
            yield (time.perf_counter() - began) * 1000
            step()
