"""Whether a stream is written to in colour."""

import os
from typing import TextIO


def wants_colour(stream: TextIO) -> bool:
    """True for a terminal, unless NO_COLOR is set (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")
