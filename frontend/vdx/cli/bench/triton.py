"""`vdx bench triton`."""

from typing import TYPE_CHECKING, Annotated

import typer

from vdx.cli.bench.running import HUMAN, AsJson, Step, command_app, options_of, run, run_alone

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from vdx.bench.figures import Report
    from vdx.bench.target import Target

app = command_app()
MODELS = ("espeak", "pocketsphinx-en")


@app.command()
def triton(
    model: Annotated[
        list[str] | None, typer.Option(help="A voice or recogniser; several times for several.")
    ] = None,
    concurrency: Annotated[
        list[int] | None, typer.Option(min=1, max=256, help="Requests at once; several times.")
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=1, help="Clauses or recordings, for each of those at once.")
    ] = 10,
    triton_url: Annotated[
        str, typer.Option(help="A Triton's gRPC address; else the bench starts one of its own.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Voices and recognisers under perf_analyzer.

    First chunk, final transcript and throughput at several concurrencies.
    """
    from vdx.bench import triton as bench
    from vdx.core import settings

    models, counts = model or list(MODELS), concurrency or [1, 2, 4, 8]
    steps = len(models) * len(counts)

    def there(step: Step) -> "Awaitable[Report]":
        config = settings.load(flags={"triton.url": triton_url}).config.triton
        return bench.measure(config, models, counts, rounds, step)

    def here(target: "Target", step: Step) -> "Awaitable[Report]":
        return bench.measure(target.triton_config, models, counts, rounds, step)

    if triton_url:
        run_alone(there, steps, as_json=as_json)
    else:
        run(here, steps, options_of("", None, "", HUMAN, preload=models), as_json=as_json)
