"""Tables on standard output: a line of headers, and rows that fit the terminal."""

from collections.abc import Iterable, Sequence

SHORT = 12
"""Characters of the longest cell of a column that is not broken."""


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints columns under their headers, as wide as the terminal; 80 columns where there is none.

    The first column, headers and short columns are never cut; long cells go on in the next line.
    A column that is empty in every row is left out. Colour follows NO_COLOR.
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
        table.add_row(*(Text(row[n]) for n in used))
    Console(highlight=False).print(table)
