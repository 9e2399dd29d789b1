"""`python -m benchmarks piper`: a Piper voice of released size, over gRPC, compared with piper-tts.

The voice is made for the run with random weights (see piper_voice.py); it computes as much as
a released one. Ratios are of runs that alternate within this one.
"""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import numpy as np

from benchmarks.served_models import make, serving, write_entry
from vdx.bench.client_process import Step
from vdx.bench.figures import Report
from vdx.bench.line_program import Ask, line_program
from vdx.bench.scrape import fetch, parse
from vdx.core.paths import locate
from vdx.core.threads import in_thread
from vdx.serving.embedded import EmbeddedTriton
from vdx.serving.triton import SynthesisRequest, TritonClient

MODEL = "piper-bench"
TEXT = "Good morning, how can I help you today?"
LONG = "and then we went on along the river to the old mill and "
STARTS = {"starts 250 ms apart": (0.25, 300.0), "all at once": (0.0, 450.0)}
"""Seconds between starts, and the p95 of the first audio to reach, in ms."""
PAUSE_S = 0.05
"""Pause between runs, because threads of an onnxruntime session spin for a while after one."""
METRICS_LAG_S = 0.5
HERE = Path(__file__).parent


async def measure(rounds: int, sessions: int, graph: str, step: Step) -> Report:
    """`rounds` sentences each way; a third as many rounds of `sessions` at once."""
    report = Report("piper", {"rounds": rounds, "sessions": sessions, "graph": graph, "text": TEXT})
    with tempfile.TemporaryDirectory(prefix="vdx-bench-") as folder:
        network = await _make_voice(graph, Path(folder) / "voicepacks" / MODEL)
        async with _server(Path(folder), network) as (triton, client), _computer(network) as ask:
            await _alone(report, client, ask, rounds, step)
            await _compute(report, ask, rounds, step)
            for name, (apart_s, reach) in STARTS.items():
                await _together(report, client, (name, apart_s, reach), (rounds // 3 + 1, sessions))
                step()
            extra = [await _after_cancel(client, triton) for _ in range(max(rounds // 5, 1))]
            report.add("chunks computed after a cancellation", "chunks", extra, max=1)
    return report


async def _alone(report: Report, client: TritonClient, ask: Ask, rounds: int, step: Step) -> None:
    first, reference = [], []
    for _ in range(rounds):
        first.append((await _listen(client, TEXT)).first_ms)
        whole = await ask(f"reference {TEXT}")
        if whole:
            reference.append(whole["seconds"] * 1000)
        await asyncio.sleep(PAUSE_S)
        step()
    report.add("first audio over gRPC", "ms", first, median=110)
    if not reference:
        report.notes.append("piper-tts is not installed where the models run: no comparison")
        return
    report.add("piper-tts, the whole sentence", "ms", reference)
    ratio = float(np.median(first) / np.median(reference))
    report.add("first audio over that of piper-tts (medians)", "ratio", [ratio], max=0.2)


async def _compute(report: Report, ask: Ask, rounds: int, step: Step) -> None:
    ratios, factors = [], []
    for _ in range(rounds):
        whole = await ask(f"whole {TEXT}")
        await asyncio.sleep(PAUSE_S)
        windows = await ask(f"windows {TEXT}")
        await asyncio.sleep(PAUSE_S)
        # The noise makes every sentence another length: what counts is a second of audio.
        factors.append(windows["seconds"] / windows["audio"])
        ratios.append(windows["cpu"] / windows["audio"] / (whole["cpu"] / whole["audio"]))
        step()
    report.add("CPU time in windows over CPU time at once", "ratio", ratios, median=1.25)
    report.add("computing time over audio time", "ratio", factors, median=0.2)


async def _together(
    report: Report, client: TritonClient, start: tuple[str, float, float], size: tuple[int, int]
) -> None:
    name, apart_s, reach = start
    rounds, sessions = size
    heard: list[_Heard] = []
    for _ in range(rounds):
        async with asyncio.TaskGroup() as group:
            tasks = []
            for _ in range(sessions):
                tasks.append(group.create_task(_listen(client, TEXT), name="bench-listener"))
                await asyncio.sleep(apart_s)
        heard += [task.result() for task in tasks]
    report.add(f"first audio, {sessions} {name}", "ms", [h.first_ms for h in heard], p95=reach)
    underruns = [h.longest_underrun_ms for h in heard]
    report.add(f"longest underrun of a sentence, {sessions} {name}", "ms", underruns, max=0)


async def _after_cancel(client: TritonClient, triton: EmbeddedTriton) -> float:
    """Chunks that were computed after a long sentence was cancelled."""
    name = "vdx_chunks_total"
    await asyncio.sleep(METRICS_LAG_S)
    before = parse(await asyncio.to_thread(fetch, triton.metrics_url)).total(name, model=MODEL)
    heard = 0
    async with aclosing(client.synthesize(MODEL, SynthesisRequest(LONG * 6))) as chunks:
        async for _ in chunks:
            heard += 1
            if heard == 2:
                break
    await asyncio.sleep(4 * METRICS_LAG_S)
    after = parse(await asyncio.to_thread(fetch, triton.metrics_url)).total(name, model=MODEL)
    return max(after - before - heard, 0.0)


class _Heard:
    """Arrival times of the pieces of one sentence, and the gaps that a player would have had."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._empty_at = 0.0
        self.first_ms = 0.0
        self.longest_underrun_ms = 0.0

    def take(self, frames: int) -> None:
        now = time.perf_counter()
        if not self._empty_at:
            self.first_ms = (now - self._began) * 1000
            self._empty_at = now
        elif now > self._empty_at:
            self.longest_underrun_ms = max(self.longest_underrun_ms, (now - self._empty_at) * 1000)
            self._empty_at = now
        self._empty_at += frames * 0.02


async def _listen(client: TritonClient, text: str) -> _Heard:
    heard = _Heard()
    async with aclosing(client.synthesize(MODEL, SynthesisRequest(text))) as chunks:
        async for chunk in chunks:
            heard.take(len(chunk.audio))
    return heard


@contextlib.asynccontextmanager
async def _server(
    folder: Path, network: Path
) -> AsyncIterator[tuple[EmbeddedTriton, TritonClient]]:
    models = folder / "models"
    await in_thread(write_entry, models, "piper", network.parent)
    async with serving(models) as (triton, client):
        await client.load(MODEL)
        for _ in range(3):
            await _listen(client, TEXT)
        yield triton, client


async def _make_voice(graph: str, folder: Path) -> Path:
    await make("the voice", "-I", HERE / "piper_voice.py", graph, folder)
    return folder / f"{folder.name}.onnx"


@contextlib.asynccontextmanager
async def _computer(network: Path) -> AsyncIterator[Ask]:
    paths = locate()
    program = (paths.triton_python, "-I", HERE / "piper_compute.py")
    async with line_program(*program, network, paths.triton_backends.parent) as ask:
        for kind in ("reference", "whole", "windows"):
            await ask(f"{kind} {TEXT}")  # the first run of a network also plans it
        yield ask
