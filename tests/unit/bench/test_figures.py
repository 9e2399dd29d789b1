import json
import os
from dataclasses import asdict

import pytest
import typer
from typer.testing import CliRunner

from vdx.bench import procfs, scrape
from vdx.bench.figures import Figure, Machine, Report, print_table
from vdx.cli.bench.running import Alone, run
from vdx.cli.main import load_command
from vdx.core.errors import InvalidInput, UnknownName, VdxError

TEXT = """
# HELP pace How late
# TYPE pace histogram
pace_bucket{le="0.001"} 90.0
pace_bucket{le="0.005"} 99.0
pace_bucket{le="+Inf"} 100.0
chunks{model="tone"} 7
chunks{model="espeak-en",version="1"} 5
plain 3
"""


def test_a_figure_says_count_median_and_percentiles() -> None:
    row = Figure("gap", "ms", list(range(1, 101)), {"median": 51, "p95": 95}).summary()
    assert (row["count"], row["min"], row["max"]) == (100, 1, 100)
    assert row["median"] == 50.5
    assert row["p95"] == pytest.approx(95.05)
    assert row["p99"] == pytest.approx(99.01)
    assert row["reached"] is False


@pytest.mark.parametrize(("value", "reached"), [(100.0, True), (90.0, True), (40.0, False)])
def test_a_least_value_is_reached_from_there_on(value: float, reached: bool) -> None:
    assert Figure("right", "%", [value], {"min": 90}).summary()["reached"] is reached


def test_a_figure_without_values_reaches_nothing() -> None:
    row = Figure("gap", "ms", [], {"median": 1}).summary()
    assert (row["count"], row["median"], row["reached"]) == (0, None, False)


def test_a_figure_without_a_goal_has_no_verdict() -> None:
    assert "reached" not in Figure("gap", "ms", [1.0]).summary()


def test_a_report_is_json_and_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report("turn", {"rounds": 1}, notes=["a note"])
    report.add("gap", "ms", [300.0], median=340, p95=385)
    report.add("nothing", "ms", [])
    report.add("right", "%", [95.0], min=90)
    report.add("freed", "ms", [15003.2])
    report.machine = asdict(Machine.here())
    whole = json.loads(report.as_json())
    assert whole["machine"]["cores"] == os.cpu_count()
    assert len(whole["machine"]["load"]) == 3
    assert [figure["name"] for figure in whole["figures"]] == ["gap", "nothing", "right", "freed"]
    print_table(report)
    shown = capsys.readouterr().out
    assert "median ≤ 340" in shown
    assert "p95 ≤ 385" in shown
    assert "min ≥ 90" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert "a note" in shown
    assert "15003" in shown


def test_the_machine_is_named() -> None:
    assert Machine.here().cpu


def test_what_is_not_prometheus_text_is_told() -> None:
    with pytest.raises(VdxError, match="not Prometheus text"):
        scrape.parse("<html>nothing here</html>")


def test_labels_may_hold_what_parts_them_elsewhere() -> None:
    metrics = scrape.parse('chunks{model="a\\"b},{c"} 7\n# TYPE n_count counter\nn_count 2\n')
    assert metrics.total("chunks", model='a"b},{c') == 7
    assert metrics.total("n_count_total") == 2


def test_prometheus_text_is_read() -> None:
    metrics = scrape.parse(TEXT)
    assert metrics.total("chunks") == 12
    assert metrics.total("chunks", model="tone") == 7
    assert metrics.total("plain") == 3
    assert metrics.total("unknown") == 0


def test_a_quantile_is_the_bound_of_its_bucket() -> None:
    nothing, all_of_it = scrape.parse(""), scrape.parse(TEXT)
    assert scrape.quantile(nothing, all_of_it, "pace", 0.5) == 0.001
    assert scrape.quantile(nothing, all_of_it, "pace", 0.99) == 0.005
    assert scrape.quantile(nothing, all_of_it, "pace", 0.999) == float("inf")
    assert scrape.quantile(all_of_it, all_of_it, "pace", 0.5) is None


def test_only_http_is_fetched() -> None:
    with pytest.raises(InvalidInput, match="file:///etc/passwd"):
        scrape.fetch("file:///etc/passwd")


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(VdxError, match=r"127\.0\.0\.1:1"):
        scrape.status("http://127.0.0.1:1")


def test_the_process_tree_begins_with_its_root() -> None:
    me = os.getpid()
    assert procfs.tree(me)[0] == me
    assert me in procfs.tree(os.getppid())


def test_cpu_and_memory_of_this_process() -> None:
    me = os.getpid()
    before = procfs.usage(me)
    assert before.processes >= 1
    assert sum(range(10**6)) > 0
    assert procfs.usage(me).cpu_seconds >= before.cpu_seconds
    assert procfs.pss_kb(me) > procfs.own_kb(me) > 1000


def test_an_unknown_process_is_named() -> None:
    with pytest.raises(UnknownName, match="999999999"):
        procfs.usage(999_999_999)


@pytest.mark.parametrize(("check", "status"), [(True, 1), (False, 0)])
def test_a_missed_goal_counts_where_it_is_checked(
    check: bool, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    async def measured(_: object) -> Report:
        report = Report("turn", {})
        report.add("first audio", "ms", [500.0], median=340)
        report.add("words", "%", [1.0], median=5)
        report.add("cpu", "core", [1.0])
        return report

    app = typer.Typer()
    app.command()(lambda: run(Alone(1, measured), check=check, as_json=True))
    done = CliRunner().invoke(app, [])
    assert done.exit_code == status
    assert ("vdx: missed its goal: first audio\n" in done.stderr) == check
    assert json.loads(done.stdout)["bench"] == "turn"


def test_every_bench_can_be_checked() -> None:
    for name, command in load_command("bench").commands.items():
        assert "--check" in {option for each in command.params for option in each.opts}, name
