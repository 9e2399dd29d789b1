"""What reads a metric by its name reads one that exists: a counter that nobody writes counts 0."""

import re
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from triton_backends.shared.metrics import COUNTERS, GAUGES, HISTOGRAMS
from vdx.core import metrics
from vdx.core.paths import PACKAGE

ROOT = Path(__file__).parents[3]
NAME = re.compile(r"[\"'](vdx_[a-z_]+?)(?:_bucket|_count|_sum)?(?:[\"']|\{le=)")
READERS = [PACKAGE / "bench", *(ROOT / "tests" / name for name in ("security", "server", "triton"))]


def written() -> set[str]:
    """Names of every metric of the frontend and of the models, as they are exposed."""
    assert metrics.SESSIONS in REGISTRY._collector_to_names
    ours = {name for names in REGISTRY._collector_to_names.values() for name in names}
    return {name for name in ours if name.startswith("vdx_")} | {*COUNTERS, *GAUGES, *HISTOGRAMS}


@pytest.mark.parametrize("folder", READERS, ids=lambda folder: folder.name)
def test_metrics_are_read_by_names_that_exist(folder: Path) -> None:
    read = {
        (file.name, name)
        for file in folder.rglob("*.py")
        for name in NAME.findall(file.read_text(encoding="utf-8"))
    }
    assert read
    assert sorted(each for each in read if each[1] not in written()) == []
