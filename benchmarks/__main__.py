"""`python -m benchmarks`: the studies, and the report of every bench, study and fuzzer."""

import typer

from benchmarks.commands import add_studies
from benchmarks.plots import PLOTS
from benchmarks.registry import STUDIES
from vdx.bench.registry import BENCHES
from vdx.bench.report import OWN, Suite
from vdx.cli.bench.report import add_report
from vdx.cli.main import PlainGroup, run_app

ALL = Suite({**BENCHES, **STUDIES}, {**OWN.plots, **PLOTS})

app = typer.Typer(
    cls=PlainGroup,
    help="Studies of listening, of the page, and of models beside their references.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)
add_report(app, ALL)
add_studies(app)

if __name__ == "__main__":
    run_app(app)
