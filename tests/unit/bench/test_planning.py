"""The simulation behind `vdx plan`: queues with known answers, and plans of made-up costs."""

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simpy

from vdx.bench.figures import Report
from vdx.bench.planning import fleet
from vdx.bench.planning.calls import FULLEST, Lags, Machine, Outcome, demand, simulate
from vdx.bench.planning.checked import compare, turns
from vdx.bench.planning.cores import SharedCores
from vdx.bench.planning.costs import Costs, Turn
from vdx.bench.planning.fleet import Prices, knee_of, make_plan, numbers
from vdx.bench.planning.plot import draw
from vdx.bench.planning.station import URGENT, USUAL, Station
from vdx.bench.turn_cost import GPU, IDLE, PARTS, WALL, cpu_name
from vdx.core.errors import InvalidInput

JOBS = 8_000


def mean_time(arrival: float, service: Callable[[], float], *, workers: int, cores: int) -> float:
    """Mean time in a station that Poisson arrivals of this rate come to."""
    env, chance, took = simpy.Environment(), random.Random(7), []
    station = Station(env, SharedCores(env, cores), workers)

    def job() -> Any:
        began = env.now
        yield from station.compute(service())
        took.append(env.now - began)

    def arrivals() -> Any:
        for _ in range(JOBS):
            yield env.timeout(chance.expovariate(arrival))
            env.process(job())

    env.process(arrivals())
    env.run()
    return float(np.mean(took[JOBS // 20 :]))


def erlang_c(offered: float, servers: int) -> float:
    """The probability that one waits in M/M/c (Erlang 1917)."""
    last = offered**servers / math.factorial(servers) * servers / (servers - offered)
    return last / (sum(offered**n / math.factorial(n) for n in range(servers)) + last)


@pytest.mark.parametrize("load", [0.3, 0.7])
def test_one_worker_with_even_work_is_pollaczek_and_khinchines(load: float) -> None:
    found = mean_time(load, lambda: 1.0, workers=1, cores=1)
    assert found == pytest.approx(1 + load / (2 * (1 - load)), rel=0.08)


@pytest.mark.parametrize(("servers", "load"), [(2, 0.6), (4, 0.75)])
def test_several_workers_are_erlangs(servers: int, load: float) -> None:
    chance, arrival = random.Random(3), servers * load
    found = mean_time(arrival, lambda: chance.expovariate(1), workers=servers, cores=servers)
    expected = 1 + erlang_c(arrival, servers) / (servers - arrival)
    assert found == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("even", [True, False])
def test_shared_cores_do_not_ask_how_uneven_the_work_is(even: bool) -> None:
    """The mean time in M/G/1 with processor sharing is that of M/M/1, whatever G is."""
    chance = random.Random(5)
    found = mean_time(0.6, lambda: 1.0 if even else chance.expovariate(1), workers=JOBS, cores=1)
    assert found == pytest.approx(1 / (1 - 0.6), rel=0.1)


def test_what_is_taken_slows_jobs_down_only_where_cores_are_short() -> None:
    env = simpy.Environment()
    cores = SharedCores(env, 2, taken=0.5)
    ends: list[float] = []

    def job() -> Any:
        yield cores.work(3.0)
        ends.append(env.now)

    env.process(job())
    env.run()
    env.process(job())
    env.process(job())
    env.run()
    assert ends == pytest.approx([3.0, 7.0, 7.0])
    assert cores.busy == pytest.approx(9.0)
    with pytest.raises(ValueError, match=r"2\.00 of 2 cores"):
        SharedCores(env, 2, taken=2.0)


def test_jobs_of_any_size_end_in_the_order_of_their_work() -> None:
    """n jobs at once on one core: the one with the k-th least work ends when the k - 1 before it
    are over and the others have had as much as it."""
    env = simpy.Environment()
    cores = SharedCores(env, 1)
    works = random.Random(2).sample(range(1, 500), 200)
    ends: dict[int, float] = {}

    def job(work: int) -> Any:
        yield cores.work(work)
        ends[work] = env.now

    for work in works:
        env.process(job(work))
    env.run()
    for work in works:
        assert ends[work] == pytest.approx(sum(min(work, other) for other in works))
    assert cores.busy == pytest.approx(sum(works))


def test_what_a_turn_waits_for_goes_first() -> None:
    env = simpy.Environment()
    station = Station(env, SharedCores(env, 1), 1)
    order: list[str] = []

    def job(name: str, urgency: int) -> Any:
        yield from station.compute(1.0, urgency)
        order.append(name)

    for name, urgency in (("first", USUAL), ("partial", USUAL), ("flush", URGENT)):
        env.process(job(name, urgency))
    env.run()
    assert order == ["first", "flush", "partial"]


STAGES = {
    "pause_noticed": 60.0,
    "speculative_transcript": 140.0,
    "endpointer": 100.0,
    "first_text": 141.0,
    "first_voice": 201.0,
    "endpoint": 300.0,
    "first_audio": 302.0,
}


def report(**more: Any) -> dict[str, Any]:
    """Of a turn every 6 s that takes 0.6 s of a core, 0.1 s of them the caller's."""
    made = Report("turn", {"sessions": 1, "voice": "v", "recogniser": "r"})
    made.add(WALL, "s", [6.0])
    made.add(IDLE, "core", [0.02])
    spent = (0.1, 0.2, 0.15, 0.03, 0.02, 0.1)
    for part, seconds in zip(PARTS, spent, strict=True):
        made.add(cpu_name(part), "s", [seconds])
    turn = {"gap_ms": 305.0, "stages": STAGES, "speech_s": 2.5, "reply_s": 2.4}
    made.samples = [dict(turn) for _ in range(8)]
    whole: dict[str, Any] = json.loads(made.as_json())
    whole["machine"]["cores"] = 2
    return whole | more


COSTS = Costs.of(report())


def test_costs_are_read_from_a_report_of_a_bench(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text(json.dumps(report()))
    found = Costs.read(file)
    assert (found.voice, found.recogniser, found.cores) == ("v", "r", 2)
    assert found.cpu["recogniser"] == 0.2
    assert found.gpu is None
    assert demand(found, Machine(2)) == (pytest.approx(0.5 / 6), 0.0)
    assert demand(found, Machine(2, users_here=True, pause_s=6))[0] == pytest.approx(0.6 / 12)


def spending(**seconds: float) -> dict[str, Any]:
    """A report in which only these parts took any of the processor."""
    whole = report()
    for row in whole["figures"]:
        for part in PARTS:
            if row["name"] == cpu_name(part):
                row["median"] = seconds.get(part, 0.0)
    return whole


def without(name: str) -> dict[str, Any]:
    whole = report()
    whole["figures"] = [row for row in whole["figures"] if row["name"].strip() != name.strip()]
    return whole


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (report(bench="soak"), "is of soak with 1 users"),
        (report(options={"sessions": 4, "voice": "v", "recogniser": "r"}), "with 4 users"),
        (report(samples=[]), "0 turns with all stages"),
        (without(WALL), "has no figure"),
        (spending(clients=0.1), "no processor time"),
        ({"bench": "turn"}, "options"),
        ([], "the report"),
        (report(machine={"cores": 0, "cpu": "x"}), "machine.cores"),
    ],
    ids=[
        *("other-bench", "several", "no-turns", "no-costs"),
        *("clients-alone", "half", "list", "no-cores"),
    ],
)
def test_what_is_no_report_of_one_persons_turns_is_refused(given: Any, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        Costs.of(given)


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"absent\.json"):
        Costs.read(tmp_path / "absent.json")
    (tmp_path / "torn.json").write_text('{"bench": ')
    with pytest.raises(InvalidInput, match=r"torn\.json is not JSON"):
        Costs.read(tmp_path / "torn.json")


def test_one_call_waits_as_long_as_it_was_measured_to() -> None:
    found = simulate(COSTS, Machine(2, users_here=True), 1, 200)
    assert found.gap(50) == pytest.approx(305, abs=2)
    assert found.gap(95) == pytest.approx(305, abs=5)
    assert found.dry == 0
    assert len(found.gaps) > 150


def test_many_calls_wait_longer_and_too_many_are_not_simulated() -> None:
    machine = Machine(2)
    few, many = (simulate(COSTS, machine, calls, 1500) for calls in (4, 21))
    assert few.gap(95) < many.gap(95)
    assert few.busy == pytest.approx((4 * 0.5 / 6 + 0.02) / 2)
    over = simulate(COSTS, machine, 24, 1500)
    assert over.full
    assert over.busy > FULLEST
    assert over.gap(95) == math.inf


def test_models_on_a_gpu_need_to_know_what_they_take_of_it() -> None:
    with pytest.raises(InvalidInput, match="of a GPU"):
        simulate(COSTS, Machine(16, gpus=1), 10, 100)
    whole = report()
    extra = Report("turn", {})
    extra.add(GPU, "s", [0.06])
    whole["figures"] += json.loads(extra.as_json())["figures"]
    costs = Costs.of(whole)
    assert costs.gpu == 0.06
    found = simulate(costs, Machine(64, gpus=1), 60, 600)
    assert found.busy == pytest.approx(max(60 * 0.06 / 6, (60 * 0.5 / 6 + 0.02) / 64))
    assert found.gap(50) >= 305 - 2


def test_the_end_of_a_turn_comes_at_least_so_long_after_what_it_waits_for() -> None:
    turn = Turn(gap_ms=305, stages=STAGES, speech_s=2, reply_s=2)
    later = Turn(gap_ms=305, stages={**STAGES, "endpoint": 180.0}, speech_s=2, reply_s=2)
    assert Lags.of((turn, later)) == Lags(transcript=40.0, endpointer=80.0)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans of fewer simulations, each of fewer turns."""
    monkeypatch.setattr(fleet, "STEPS", 6)
    monkeypatch.setattr(fleet, "TURNS", 150)


def outcome(calls: int, gap: float) -> Outcome:
    return Outcome(calls, gaps=[gap] * 20, replies=20)


def test_the_knee_is_where_calls_over_waiting_are_most() -> None:
    flat = [outcome(n, 300) for n in (1, 2, 4)]
    assert knee_of([*flat, outcome(8, 700), Outcome(9, full=True)]) == 4
    assert knee_of([*flat, outcome(8, 400)]) == 8
    assert knee_of([Outcome(1, full=True)]) == 0
    # Answers that come before the end of speech is told are waited for by nobody.
    assert knee_of([outcome(1, 0), outcome(4, 0), outcome(8, 700)]) == 4
    assert numbers(3) == [1, 2, 3]
    assert numbers(40)[:3] == [1, 2, 4]


@pytest.mark.usefixtures("quick")
def test_a_plan_says_machines_and_what_a_minute_of_a_call_costs() -> None:
    plan = make_plan(COSTS, Machine(2), 1000, spare=2, prices=Prices(machine=0.6))
    assert 1 <= plan.each <= plan.knee <= 23
    assert plan.machines == math.ceil(1000 / plan.each) + 2
    assert plan.gpus == 0
    assert plan.cost_hour == pytest.approx(plan.machines * 0.6)
    assert plan.cost_call_minute == pytest.approx(plan.cost_hour / 60 / 1000)
    assert plan.limit == "the knee"


@pytest.mark.usefixtures("quick")
def test_who_must_not_wait_longer_gets_more_machines() -> None:
    plan = make_plan(COSTS, Machine(2), 100)
    strict = make_plan(COSTS, Machine(2), 100, p95_ms=plan.outcomes[1].gap(95) + 0.01)
    assert strict.each <= plan.each
    assert strict.machines >= plan.machines
    with pytest.raises(InvalidInput, match="no call within a p95 of 100 ms"):
        make_plan(COSTS, Machine(2), 100, p95_ms=100)


@pytest.mark.usefixtures("quick")
def test_a_plan_is_drawn(tmp_path: Path) -> None:
    draw(make_plan(COSTS, Machine(2), 100), tmp_path / "plan.png")
    assert (tmp_path / "plan.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("measured", "predicted", "off", "said"),
    [
        ([300.0], 330.0, 10.0, ""),
        ([300.0], math.inf, None, "cannot keep up"),
        ([0.0], 330.0, None, "measured a p95 of 0 ms"),
    ],
    ids=["both", "too-many", "nobody-waited"],
)
def test_how_far_a_prediction_is_off(
    measured: list[float], predicted: float, off: float | None, said: str
) -> None:
    made = Report("plan", {})
    made.add("4 users: measured", "ms", measured)
    made.add("4 users: predicted", "ms", [])
    compare(made, 4, predicted)
    found = made.figures[-1].summary()
    assert found["median"] == off
    assert found["reached"] is (off is not None)
    assert said in " ".join(made.notes)


def test_more_people_have_fewer_rounds_each() -> None:
    assert turns((2, 16), 8) == 4 * (8 + 2 * 8 + 16 * 1)
