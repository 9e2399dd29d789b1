"""`vdx plan`: how many machines a number of calls needs, and what they cost."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vdx.cli.bench.running import Light, Rounds
from vdx.core.errors import InvalidInput, UnknownName

if TYPE_CHECKING:
    from vdx.bench.planning.costs import Costs
    from vdx.bench.planning.fleet import Plan, Prices

app = typer.Typer(add_completion=False, rich_markup_mode=None)

TURNS_A_ROUND = 4
PRICE = 1e9


@app.command()
def plan(
    calls: Annotated[int, typer.Option(min=1, max=10_000_000, help="Under way at once.")],
    figures: Annotated[
        Path | None,
        typer.Option(help="What `vdx bench turn --json` printed.  [default: measured here first]"),
    ] = None,
    profile: Annotated[
        str, typer.Option(help="Of the settings here, whose models are measured.")
    ] = "",
    cores: Annotated[
        int, typer.Option(min=0, max=1024, help="Of a machine.  [default: where it was measured]")
    ] = 0,
    gpus: Annotated[int, typer.Option(min=0, max=64, help="Of a machine.")] = 0,
    p95_ms: Annotated[
        float | None, typer.Option(min=1, help="The longest wait for an answer that will do.")
    ] = None,
    pause: Annotated[
        float, typer.Option(min=0, max=3600, help="Seconds of silence more between turns.")
    ] = 0,
    spare: Annotated[int, typer.Option(min=0, max=1000, help="Machines more than needed.")] = 1,
    machine_price: Annotated[float, typer.Option(min=0, max=PRICE, help="Of an hour.")] = 0,
    gpu_price: Annotated[float, typer.Option(min=0, max=PRICE, help="Of an hour of one GPU.")] = 0,
    plot: Annotated[Path | None, typer.Option(help="A picture to write (.png, .svg).")] = None,
    save: Annotated[
        Path | None, typer.Option(help="Keeps what is measured, for --figures.")
    ] = None,
    rounds: Rounds = 5,
    light: Light = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """How many machines so many calls need, by a simulation of one.

    It is fed with what one user's turns cost on the machine of a bench, which takes two minutes to
    measure; figures of another machine, with GPUs too, come as a file from there. `vdx bench plan`
    says how far predictions are off.
    """
    from vdx.bench.drawing import require_picture, require_place
    from vdx.bench.planning.fleet import Prices

    if plot is not None:
        require_picture(plot)
    if save is not None:
        require_place(save)
    if figures is not None and (light or profile or save):
        raise InvalidInput("--figures needs no --light, --profile, --save", param="figures")
    costs = _costs(figures, rounds, _models(profile, light=light), save)
    prices = Prices(machine_price, gpu_price)
    found = _planned(costs, calls, (cores, gpus, pause), (p95_ms, spare), prices)
    _tell(found, costs, plot, as_json=as_json)


def _costs(
    figures: Path | None, rounds: int, models: tuple[str, str], save: Path | None
) -> "Costs":
    """Read from the file, or measured now."""
    from vdx.bench.planning.costs import Costs

    if figures is not None:
        return Costs.read(figures)
    return Costs.of(_measured(rounds, models, save))


def _planned(
    costs: "Costs",
    calls: int,
    machine: tuple[int, int, float],
    limits: tuple[float | None, int],
    prices: "Prices",
) -> "Plan":
    """`machine`: cores, GPUs, pause; `limits`: p95 and spare machines."""
    from vdx.bench.planning.calls import Machine
    from vdx.bench.planning.fleet import STEPS, make_plan
    from vdx.cli.bench.running import progress

    cores, gpus, pause = machine
    p95_ms, spare = limits
    made = Machine(cores or costs.cores, gpus, pause_s=pause)
    with progress(STEPS + 1) as step:
        return make_plan(costs, made, calls, p95_ms=p95_ms, spare=spare, prices=prices, step=step)


def _tell(found: "Plan", costs: "Costs", plot: Path | None, *, as_json: bool) -> None:
    if plot is not None:
        from vdx.bench.planning.plot import draw

        draw(found, plot)
    if as_json:
        typer.echo(json.dumps(_as_dict(found, costs), indent=1))
    else:
        _print(found, costs)


def _models(profile: str, *, light: bool) -> tuple[str, str]:
    """Voice and recogniser to measure; raises UnknownName."""
    from vdx.cli.bench.running import DEFAULT, LIGHT
    from vdx.core import settings

    if light or not profile:
        return LIGHT if light else DEFAULT
    known = settings.load().config.profiles
    if profile not in known:
        raise UnknownName(
            f"--profile {profile!r}: expected one of {', '.join(known) or 'none'}", param="profile"
        )
    return known[profile].voice or "", known[profile].recogniser or ""


def _measured(rounds: int, models: tuple[str, str], save: Path | None) -> dict[str, Any]:
    """A report of one user's turns, as a dictionary; kept in `save`."""
    from vdx.bench import turn
    from vdx.cli.bench.running import OnServer, measure_on_server

    work = OnServer(
        TURNS_A_ROUND * rounds,
        lambda target, step: turn.measure(target, rounds, 1, step),
        models=models,
    )
    report = measure_on_server(work).as_dict()
    if save is not None:
        save.write_text(json.dumps(report, indent=1), encoding="utf-8")
    return report


def _as_dict(plan: "Plan", costs: "Costs") -> dict[str, Any]:
    return {
        "voice": costs.voice,
        "recogniser": costs.recogniser,
        "measured_on": costs.machine,
        "calls": plan.calls,
        "knee": plan.knee,
        "calls_each_machine": plan.each,
        "limit": plan.limit,
        "frontends_each_machine": plan.frontends,
        "machines": plan.machines,
        "gpus": plan.gpus,
        "cost_hour": round(plan.cost_hour, 4),
        "cost_call_minute": round(plan.cost_call_minute, 6),
        "simulated": [
            {
                "calls": each.calls,
                "busy": round(each.busy, 3),
                "median_ms": round(each.gap(50), 1) if each.gaps else None,
                "p95_ms": round(each.gap(95), 1) if each.gaps else None,
                "dry_share": round(each.dry_share, 4),
            }
            for each in plan.outcomes
        ],
    }


def _print(plan: "Plan", costs: "Costs") -> None:
    from vdx.cli.table import print_table

    rows = []
    for each in plan.outcomes:
        times = [f"{each.gap(p):.0f}" if each.gaps else "too many" for p in (50, 95)]
        mark = "knee" if each.calls == plan.knee else ""
        mark = "planned" if each.calls == plan.each else mark
        dry = f"{100 * each.dry_share:.1f}" if each.dry else ""
        rows.append([str(each.calls), f"{100 * each.busy:.0f}", *times, dry, mark])
    print_table(("calls", "busy %", "median ms", "p95 ms", "dry %", ""), rows)
    typer.echo(
        f"\n{costs.voice} and {costs.recogniser}, measured on {costs.cores} cores of "
        f"{costs.machine}"
    )
    typer.echo(f"one machine: {plan.each} calls, limited by {plan.limit}; the knee is {plan.knee}")
    if plan.frontends > 1:
        typer.echo(f"on each machine {plan.frontends} frontends: one event loop does not do it")
    gpus = f" with {plan.gpus} GPUs" if plan.gpus else ""
    typer.echo(f"{plan.calls} calls: {plan.machines} machines{gpus}, the spare ones included")
    if plan.cost_hour:
        typer.echo(
            f"cost: {plan.cost_hour:.2f} an hour, {plan.cost_call_minute:.5f} for a call's minute"
        )
