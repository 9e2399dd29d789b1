"""Prints messages of the serving commands; a closed standard output ends no conversation."""

import sys

import typer


def tell(text: str) -> None:
    """Prints a line on standard output; never raises."""
    try:
        typer.echo(text)
    except BrokenPipeError:
        # Nobody will ever read it; what is left in its buffer would fail again at the exit.
        sys.stdout = None
    except (OSError, ValueError):  # full, a terminal that is gone, or closed
        pass


def warn(text: str) -> None:
    """Prints a line on standard error; never raises."""
    try:
        typer.echo(text, err=True)
    except BrokenPipeError:
        sys.stderr = None
    except (OSError, ValueError):
        pass
