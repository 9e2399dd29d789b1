"""What reads a metric by its name reads one that exists: a counter that nobody writes counts 0."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

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


PROMTOOL = shutil.which("promtool")
DEPLOY = ROOT / "deploy"
TABLE = ROOT / "docs" / "observability.md"
ROW = re.compile(
    r"^\| `(?P<name>vdx_\w+)` \| (?P<kind>\w+) \| (?P<labels>[^|]*) \| (?P<meaning>.*) \|$",
    re.MULTILINE,
)
Row = tuple[str, str, str, str]
IN_QUERY = re.compile(r"\b(vdx_[a-z_]+?)(?:_bucket|_count|_sum)?(?=[{\[)\s,]|$)")


def rows_of_the_frontend() -> Iterator[Row]:
    for collector in vars(metrics).values():
        if isinstance(collector, MetricWrapperBase):
            (family,) = collector.describe()
            suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
            labels = ", ".join(collector._labelnames) or "none"
            yield f"{family.name}{suffix}", family.type, labels, family.documentation


def rows_of_the_models() -> Iterator[Row]:
    for name, (meaning, _) in HISTOGRAMS.items():
        yield name, "histogram", "model, instance", meaning
    for kind, group in (("gauge", GAUGES), ("counter", COUNTERS)):
        for name, meaning in group.items():
            yield name, kind, "model, instance", meaning


def test_the_table_in_the_docs_is_what_is_exposed() -> None:
    text = TABLE.read_text(encoding="utf-8")
    told = [(row["name"], row["kind"], row["labels"], row["meaning"]) for row in ROW.finditer(text)]
    assert told == [*sorted(rows_of_the_frontend()), *sorted(rows_of_the_models())]


def test_models_in_labels_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_NAMED", set())
    names = [f"model-{number}" for number in range(metrics.MOST_MODELS)]
    assert [metrics.model_label(name) for name in names] == names
    assert metrics.model_label("one more") == "other"
    assert metrics.model_label(names[0]) == names[0]


def _expressions(value: Any) -> Iterator[str]:
    """Every `expr` of a dashboard or a file of rules, and the queries of its variables."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key in {"expr", "query", "definition"} and isinstance(each, str):
                yield each
            else:
                yield from _expressions(each)
    elif isinstance(value, list):
        for each in value:
            yield from _expressions(each)


@pytest.mark.parametrize("file", ["grafana/vdx.json", "prometheus/alerts.yaml"])
def test_dashboards_and_rules_ask_for_metrics_that_exist(file: str) -> None:
    text = (DEPLOY / file).read_text(encoding="utf-8")
    found = list(_expressions(json.loads(text) if file.endswith(".json") else yaml.safe_load(text)))
    asked = {name for expression in found for name in IN_QUERY.findall(expression)}
    assert len(asked) >= 8
    assert asked - written() == set()


def test_promtool_takes_the_rules_and_the_configuration() -> None:
    assert PROMTOOL, "the tests need promtool; run: sudo apt install prometheus"
    rules = DEPLOY / "prometheus" / "alerts.yaml"
    configs = DEPLOY / "prometheus" / "prometheus.yaml", ROOT / "docker" / "prometheus.yaml"
    checks = [["rules", str(rules)], *(["config", "--syntax-only", str(each)] for each in configs)]
    for command in checks:
        checked = subprocess.run(
            [str(PROMTOOL), "check", *command], capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_each_alert_says_how_bad_it_is_and_what_to_do() -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]
        assert f"| `{rule['alert']}` |" in page
