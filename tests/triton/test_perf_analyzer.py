"""perf_analyzer against a real tritonserver: by the script a person runs, and by the bench."""

import asyncio
import contextlib
import json
import subprocess
from pathlib import Path

import pytest

from tests.triton import repository as repo
from tests.triton.wire import Wire
from vdx.bench import triton
from vdx.core.config import TritonConfig
from vdx.serving.embedded import EmbeddedTriton

SCRIPT = repo.ROOT / "scripts" / "perf_analyzer.sh"
TRIES = 3
"""On a busy machine perf_analyzer now and then ends well with an export that is cut off."""


@pytest.mark.parametrize(("kind", "model"), [("voice", "espeak"), ("recogniser", "canned")])
async def test_the_script_measures(
    wire: Wire, triton_server: EmbeddedTriton, tmp_path: Path, kind: str, model: str
) -> None:
    await wire.load(model)
    export = tmp_path / "out.json"
    own = ["-u", triton_server.grpc_url, "--concurrency-range", "2:4:2"]
    few = ["--measurement-request-count", "20", "--stability-percentage", "999"]
    command = [str(SCRIPT), kind, model, *own, *few, "--profile-export-file", str(export)]
    for _ in range(TRIES):
        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-1000:]
        with contextlib.suppress(json.JSONDecodeError):
            found = json.loads(export.read_text())["experiments"]
            break
    else:
        pytest.fail(f"no whole export in {TRIES} tries")
    assert [one["experiment"]["value"] for one in found] == [2, 4]
    assert all(len(one["requests"]) >= 20 for one in found)


async def test_the_bench_measures_voice_and_recogniser(triton_server: EmbeddedTriton) -> None:
    models = ["espeak", "pocketsphinx-en"]
    report = await triton.measure(TritonConfig(url=triton_server.grpc_url), models, [2], 1)
    rows = {figure.name.strip(): figure.values for figure in report.figures}
    assert len(rows["espeak, 2 at once: first chunk"]) >= 2
    assert len(rows["pocketsphinx-en, 2 at once: final after the last audio"]) >= 1
    assert min(rows["espeak, 2 at once: speech per second"]) > 0
    whole = rows["espeak, 2 at once: whole clause"]
    assert min(whole) >= min(rows["espeak, 2 at once: first chunk"])
