"""`vdx doctor`: checks what vdx needs on this machine and says how to repair what is missing."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from vdx.cli.answer_checks import answer_checks
from vdx.cli.checks import (
    Check,
    Status,
    check_sessions,
    machine_checks,
    port_checks,
    sound_checks,
)
from vdx.core import settings
from vdx.core.config import Config
from vdx.core.errors import ConfigError, SetupError, TritonError
from vdx.core.masking import masked
from vdx.core.paths import locate

app = typer.Typer(add_completion=False, rich_markup_mode=None)

COLOURS = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "red"}


@app.command()
def doctor(
    file: Annotated[
        Path | None, typer.Option("--config", help="YAML file; else vdx.yaml here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Check this machine; ends with status 1 when something vdx cannot do without is wrong."""
    config = settings.load(file).config
    checks = examine(config)
    good = all(check.status is not Status.FAIL for check in checks)
    if as_json:
        typer.echo(json.dumps({"ok": good, "checks": [asdict(c) for c in checks]}, indent=2))
    else:
        _print(checks)
    if not good:
        raise typer.Exit(1)


def examine(config: Config) -> list[Check]:
    """Every check, in the order in which they are best repaired."""
    triton, answers = asyncio.run(_triton_checks(config))
    return [
        *machine_checks(locate()),
        check_sessions(config.server),
        *port_checks(config, triton_answers=answers),
        *triton,
        *asyncio.run(answer_checks(config, locate())),
        *sound_checks(),
    ]


async def _triton_checks(config: Config) -> tuple[list[Check], bool]:
    """Whether a server answers, and what it has loaded."""
    from vdx.serving.address import triton_at
    from vdx.serving.triton import TritonClient

    try:
        triton = triton_at(config)
        client = TritonClient(triton)
    except (ConfigError, SetupError) as error:
        return [Check("triton", Status.FAIL, str(error))], False
    async with client:
        url = masked(triton.url)
        if not await client.is_ready():
            hint = "start one with: vdx up"
            return [Check("triton", Status.WARN, f"none at {url}", hint)], False
        found = [Check("triton", Status.OK, f"answers at {url}")]
        try:
            states = await client.index()
        except TritonError as error:
            return [*found, Check("models", Status.FAIL, str(error), "restart Triton")], True
    loaded = [state.name for state in states if state.state == "READY"]
    if loaded:
        return [*found, Check("models", Status.OK, f"loaded: {', '.join(loaded)}")], True
    hint = "load one with: vdx models load NAME"
    return [*found, Check("models", Status.WARN, "none is loaded", hint)], True


def _print(checks: list[Check]) -> None:
    from rich.text import Text

    from vdx.cli.table import print_table

    print_table(
        ("", "check", "found"),
        [
            (
                Text(check.status.value, style=COLOURS[check.status]),
                check.name,
                f"{check.detail}\n-> {check.mend}" if check.mend else check.detail,
            )
            for check in checks
        ],
        whole_in_pipes=True,
    )
