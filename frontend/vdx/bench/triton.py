"""`vdx bench triton`: perf_analyzer against voices and recognisers, several requests at once.

It sends as fast as it gets answers: that is the throughput of a model, not the load of
conversations. Latencies are taken from its profile export, because what it prints of a decoupled
model counts only one response.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vdx.bench.client_process import Step
from vdx.bench.figures import Report
from vdx.bench.perf import Answered, PerfAnalyzer
from vdx.bench.perf_data import chunks_of_a_sequence, lengths_ms, recogniser_data, voice_data
from vdx.core.config import TritonConfig
from vdx.core.errors import VdxError
from vdx.core.paths import locate
from vdx.serving.manager import ModelManager
from vdx.serving.models import ModelKind
from vdx.serving.triton import TritonClient

DATA = {"tts": voice_data, "asr": recogniser_data}


async def measure(
    config: TritonConfig,
    models: Sequence[str],
    concurrencies: Sequence[int],
    rounds: int,
    step: Step | None = None,
) -> Report:
    """`rounds` clauses or sequences of each of `concurrencies`, for each model of a Triton.

    Raises:
        VdxError: perf_analyzer failed, or a model cannot be loaded.
    """
    options = {"models": list(models), "concurrencies": list(concurrencies), "rounds": rounds}
    report = Report("triton", options)
    with tempfile.TemporaryDirectory(prefix="vdx-perf-") as root:
        folder = Path(root)
        perf = PerfAnalyzer(locate(), folder)
        for kind, make in DATA.items():
            (folder / f"{kind}.json").write_text(make(), encoding="utf-8")
        async with TritonClient(config) as client:
            kinds = {name: (await ModelManager(client).ensure(name)).kind for name in models}
        for model, kind in kinds.items():
            for concurrency in concurrencies:
                size = 1 if kind == "tts" else chunks_of_a_sequence()
                answered = await perf.run(
                    config,
                    model,
                    folder / f"{kind}.json",
                    concurrency=concurrency,
                    requests=rounds * concurrency * size,
                )
                _add(report, model, kind, concurrency, answered)
                if step is not None:
                    step()
    report.notes.append("perf_analyzer 2.51 sends as fast as it gets answers")
    return report


def _add(
    report: Report, model: str, kind: ModelKind, concurrency: int, answered: list[Answered]
) -> None:
    if not answered:
        raise VdxError("perf_analyzer got no answer", service=model)
    name = f"{model}, {concurrency} at once"
    first = [one.responses_ms[0] for one in answered]
    elapsed = max(one.ended for one in answered) - min(one.sent for one in answered)
    sample: dict[str, Any] = {"model": model, "kind": kind, "concurrency": concurrency}
    if kind == "tts":
        report.add(f"{name}: first chunk", "ms", first)
        report.add(f"  {name}: whole clause", "ms", [one.responses_ms[-1] for one in answered])
        made = sum(one.audio_s for one in answered)
        sample["curve"] = sorted(first)
    else:
        report.add(f"{name}: answer to 60 ms of audio", "ms", first)
        # What lay in memory, see `perf.py`, may look like a final, but hardly of such a length.
        possible = lengths_ms()
        finals = [one for one in answered if one.final and one.heard_ms in possible]
        after = [one.responses_ms[-1] for one in finals]
        report.add(f"  {name}: final after the last audio", "ms", after)
        made = sum(one.heard_ms for one in finals) / 1000
        sample["curve"] = sorted(after)
    rate = round(made / elapsed, 2) if elapsed else 0.0
    report.add(f"  {name}: speech per second", "s", [rate])
    report.samples.append({**sample, "speech_per_second": rate})
