"""perf_analyzer against a real tritonserver, by the script a person runs; see also tests/bench."""

import asyncio
import contextlib
import json
import subprocess
from pathlib import Path

import pytest

from tests.triton import repository as repo
from tests.triton.wire import Wire
from vdx.serving.embedded import EmbeddedTriton

SCRIPT = repo.ROOT / "scripts" / "perf_analyzer.sh"
TRIES = 3
"""On a busy machine perf_analyzer now and then ends well with an export that is cut off."""


@pytest.mark.long  # it runs in tests/security/test_mutual_tls.py too
@pytest.mark.parametrize(
    ("kind", "model"),
    [("voice", "espeak"), ("recogniser", "canned")],
)
async def test_the_script_measures(
    wire: Wire, triton_server: EmbeddedTriton, tmp_path: Path, kind: str, model: str
) -> None:
    await wire.load(model)
    export = tmp_path / "out.json"
    own = ["-u", triton_server.grpc_url, "--concurrency-range", "2:4:2"]
    few = ["--measurement-request-count", "5", "--stability-percentage", "999"]
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
    assert all(len(one["requests"]) >= 5 for one in found)
