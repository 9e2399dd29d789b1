"""An option that may stand without its value, for which Typer has nothing."""

from itertools import zip_longest
from typing import Any

from typer.core import TyperCommand

OPTION = "--llm"


class WithOptionalValue(TyperCommand):
    """Takes `--llm` at the end, or before another option, for `--llm ''`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given: list[str] = []
        for word, following in zip_longest(args, args[1:], fillvalue="-"):
            bare = word == OPTION and following.startswith("-")
            given += [word, ""] if bare else [word]
        return super().parse_args(ctx, given)
