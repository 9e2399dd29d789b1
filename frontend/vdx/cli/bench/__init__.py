"""`vdx bench`: the benches of `vdx.bench.registry`, each a module of this package."""

from typing import ClassVar

import typer

from vdx.bench.registry import BENCHES
from vdx.cli.main import LazyGroup


class _Benches(LazyGroup):
    package = "vdx.cli.bench"
    table: ClassVar[dict[str, str]] = {name: bench.help for name, bench in BENCHES.items()}


app = typer.Typer(
    cls=_Benches,
    help="Measure turns, interruptions, jitter and sessions, from the person's side.",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
)


@app.callback()
def _group() -> None:
    """Measure turns, interruptions, jitter and sessions, from the person's side."""
