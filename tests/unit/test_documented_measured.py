"""Commands of the documents that measure, as they are printed: with what each begins to measure.

A server of their own and minutes of talking are left out here: for those,
`tests/unit/test_documented_commands.py` names a test with the same command for a shorter time.
"""

import contextlib
import importlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.documents import DOCUMENTS
from tests.unit.bench.test_planning import report
from tests.unit.cli.calls import status_of
from tests.unit.test_documented_commands import typed
from vdx.bench import target
from vdx.bench.figures import Report
from vdx.bench.planning import fleet
from vdx.cli import livekit_server
from vdx.cli.bench import running

SHELL = {" ".join(call): call for document in DOCUMENTS for call in typed(document)}
MEASURES = {"faults": "vdx.bench.faults.matrix"}
"""Where `measure` of a bench is, unless in the module of its name."""
BEGINS: dict[str, Callable[[Any, tuple[Any, ...]], bool]] = {
    "bench faults": lambda _, given: given[1:3] == (1, None),
    "bench faults --tritons 2 --rooms": lambda _, given: given[1:3] == (2, Path("livekit-server")),
    "bench observed": lambda _, given: given[1:3] == (7, 4),
    "bench refused": lambda options, given: given[1:3] == (8, 2) and options.api_key != "",
    "bench soak --sessions 6 --minutes 60": lambda _, given: given[1:3] == (6, 60),
    "bench turn --rounds 8 --json": lambda _, given: given[1:3] == (8, 1),
    "bench turn --sessions 16 --url https://voice.example.com": lambda options, given: (
        given[1:3] == (3, 16) and options.url == "https://voice.example.com"
    ),
}
"""What the measurement of each is given, by the server's options and its arguments."""
BENCHES = {
    line: call for line, call in SHELL.items() if call[0] == "bench" and "--help" not in call
}


def test_every_bench_is_looked_at() -> None:
    assert {*BEGINS} == {*BENCHES}


@pytest.mark.parametrize("line", BENCHES)
def test_a_bench_begins_as_it_is_printed(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = BENCHES[line][1]
    began: list[tuple[Any, ...]] = []
    servers: list[Any] = [None]

    async def measure(*given: Any, **_: Any) -> Report:
        began.append(given)
        return Report(name, {})

    @contextlib.asynccontextmanager
    async def server(options: target.TargetOptions) -> AsyncIterator[str]:
        servers.append(options)
        yield "the server"

    monkeypatch.setattr(target, "target", server)
    module = importlib.import_module(MEASURES.get(name, f"vdx.bench.{name}"))
    monkeypatch.setattr(module, "measure", measure)
    for each in (livekit_server, running):
        monkeypatch.setattr(each, "require_livekit_server", found, raising=False)
    assert status_of(*BENCHES[line]) == 0
    (given,) = began
    assert BEGINS[line](servers[-1], given)
    told = capsys.readouterr().out
    assert told
    assert ("--json" in BENCHES[line]) == told.startswith("{")


def found(_tell: object) -> Path:
    """The program that is here or would be fetched."""
    return Path("livekit-server")


PLANS = {line: call for line, call in SHELL.items() if call[0] == "plan"}


@pytest.mark.parametrize("line", PLANS)
def test_a_plan_is_made_as_it_is_printed(
    line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of fewer simulations than a person waits for."""
    monkeypatch.setattr(fleet, "STEPS", 4)
    monkeypatch.setattr(fleet, "TURNS", 100)
    monkeypatch.delenv("VDX_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.json").write_text(json.dumps(report()))
    assert status_of(*PLANS[line]) == 0
    told = capsys.readouterr().out
    assert "planned" in told
    assert ("cost: " in told) == ("--machine-price" in PLANS[line])
    assert (tmp_path / "plan.png").exists() == ("--plot" in PLANS[line])


RUN = {*BENCHES, *PLANS}
