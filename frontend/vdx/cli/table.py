"""Tables on standard output: a line of headers, and rows that fit the terminal."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from vdx.core.colour import wants_colour

if TYPE_CHECKING:
    from rich.text import Text

SHORT = 12
"""Characters of the longest cell of a column that is not broken."""
WHOLE = 10_000
"""Columns of a line for another program, in which nothing is broken."""


def print_table(
    headers: Sequence[str],
    rows: Iterable[Sequence["str | Text"]],
    *,
    whole_in_pipes: bool = False,
) -> None:
    """Prints columns under their headers, as wide as the terminal; 80 columns where there is none.

    The first column, headers and short columns are never cut; long cells go on in the next line.
    A column that is empty in every row is left out. Colour follows NO_COLOR. With `whole_in_pipes`
    every row is one line where standard output is no terminal, for grep.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    given = [list(row) for row in rows]
    used = [n for n, _ in enumerate(headers) if n == 0 or any(row[n] for row in given)]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for n in used:
        longest = max((len(row[n]) for row in given), default=0)
        whole = n == 0 or longest <= SHORT
        least = max(len(headers[n]), longest if whole else 0)
        table.add_column(headers[n].upper(), no_wrap=whole, min_width=least, overflow="fold")
    for row in given:
        cells = (row[n] for n in used)
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells))
    console = Console(highlight=False, color_system="auto" if wants_colour(sys.stdout) else None)
    if whole_in_pipes and not console.is_terminal:
        console.width = WHOLE
    console.print(table)
