"""A bar on standard error while something long is made; nothing where that is no terminal."""

import contextlib
import sys
from collections.abc import Callable, Iterator

Advance = Callable[[float, float], None]
"""Called with how much is done, and how much there is in all."""


@contextlib.contextmanager
def progress_bar(title: str, total: float, unit: str) -> Iterator[Advance]:
    """A bar of `total`, in `unit`; 0 is an amount that is not known yet."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    # What is printed to a file must not pass through the bar, which is on standard error.
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(f"{unit},"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=sys.stdout.isatty(),
    ) as bar:
        task = bar.add_task(title, total=round(total) or None)
        yield lambda done, _all: bar.update(task, completed=round(done))
