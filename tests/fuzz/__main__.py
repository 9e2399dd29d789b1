"""`python -m tests.fuzz`: hostile input of every kind against a real server.

The server must answer it and live on: what is counted are crashes, hangs, errors without a code,
sessions and models that are dead afterwards.
"""

import enum
from collections.abc import Awaitable
from typing import Annotated

import typer

from benchmarks.registry import STUDIES
from vdx.bench.client_process import Step
from vdx.bench.figures import Report
from vdx.bench.target import Target
from vdx.cli.bench.running import LOAD, RUNNING, OnServer, add
from vdx.cli.main import run_app

PRELOAD = ("espeak-en", "pocketsphinx-en")


class What(enum.StrEnum):
    """What is made up and sent."""

    EVENTS = "events"
    REQUESTS = "requests"
    TENSORS = "tensors"


async def measure(
    what: What, target: Target, count: int, seed: int, step: Step | None = None
) -> Report:
    """`count` of one kind; the same seed sends the same ones."""
    if what is What.EVENTS:
        from tests.fuzz import events

        return await events.measure(target, count, seed, step)
    if what is What.REQUESTS:
        from tests.fuzz import requests

        return await requests.measure(target, count, seed, step)
    from tests.fuzz import models, tensors

    return await tensors.measure(target, await models.served(target), count, seed, step)


def fuzz(
    what: Annotated[
        What, typer.Argument(help="Realtime events, HTTP requests, or tensors to every model.")
    ],
    count: Annotated[int, typer.Option(min=1, help="How many.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed sends the same.")] = 1,
) -> OnServer:
    """What must not happen is counted.

    A crash, a hang, an error without a code, a session or model that is dead afterwards.
    """

    def run(target: Target, step: Step) -> Awaitable[Report]:
        return measure(what, target, count, seed, step)

    return OnServer(count, run, models=LOAD, preload=PRELOAD)


app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
add(app, STUDIES, "fuzz", RUNNING)(fuzz)

if __name__ == "__main__":
    run_app(app)
