"""What the pictures of all benches have in common: size, colours, axes, how they are written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vdx.core.errors import InvalidInput, SetupError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE, DPI = (7.5, 3.4), 110
"""Inches, and pixels of one."""
KINDS = (".png", ".svg", ".pdf")
BLUE, GREY, RED = "#2f6fab", "#9aa5b1", "#c0392b"


def require_picture(file: Path) -> None:
    """Whether a picture can be written there, asked before what it shows is measured.

    Raises:
        InvalidInput: its ending says no kind that is drawn, or its folder is not there.
        SetupError: matplotlib is not installed.
    """
    if file.suffix not in KINDS:
        expected = f"expected a name that ends in {', '.join(KINDS)}"
        raise InvalidInput(f"{file}: {expected}", param="picture")
    require_place(file)
    new_axes()


def require_place(file: Path) -> None:
    """Raises InvalidInput where the folder of a file to write is not there."""
    if not file.parent.is_dir():
        raise InvalidInput(f"{file}: there is no folder {file.parent}", param="file")


def new_axes() -> Axes:
    """The axes of an empty picture.

    Raises:
        SetupError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        message = "pictures are drawn by matplotlib; run: pip install 'vdx[bench]'"
        raise SetupError(message) from None
    axes = Figure(figsize=SIZE, dpi=DPI, layout="constrained").subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def name_axes(axes: Axes, x: str, y: str, *, from_zero: bool = False) -> None:
    """For lines: names the axes, draws a grid, and the names of the lines where they have any."""
    if from_zero:
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, frameon=False)


def save(axes: Axes, title: str, file: Path) -> None:
    """Writes the picture; the ending of the file says its kind."""
    axes.set_title(title, fontsize=11, loc="left")
    axes.get_figure(root=True).savefig(file)  # type: ignore[union-attr]  # axes of a figure have one
