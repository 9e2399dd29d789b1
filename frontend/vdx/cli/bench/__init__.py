"""`vdx bench`: what a user measures on a machine of their own."""

from typing import Any

import typer
from typer.core import TyperGroup

from vdx.bench.report import OWN
from vdx.bench.studies import require_bench
from vdx.cli.bench.conversations import add_conversations
from vdx.cli.bench.models import add_models
from vdx.cli.bench.report import add_report


class _Benches(TyperGroup):
    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        require_bench(args[0] if args else "")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_Benches,
    help="Measure turns, interruptions, jitter and sessions, from the person's side.",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
)

add_report(app, OWN)
add_conversations(app)
add_models(app)
