"""Word times where only a text and its duration are known."""

import re

from triton_backends.shared.engine import Word


def even_words(text: str, milliseconds: float) -> list[Word]:
    """Every word from the time of its first character to that of its last, at an even pace."""
    scale = milliseconds / max(len(text), 1)
    return [
        Word(
            word=match.group(),
            start_ms=round(match.start() * scale),
            end_ms=round(match.end() * scale),
            char_start=match.start(),
            char_end=match.end(),
        )
        for match in re.finditer(r"\S+", text)
    ]
