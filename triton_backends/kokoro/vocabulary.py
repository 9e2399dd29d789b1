"""The symbols that Kokoro-82M v1.0 was trained on: `vocab` in the `config.json` of its release."""

import json
from functools import cache
from pathlib import Path

EDGE = 0
"""Stands before the first symbol of a sentence and after the last."""


@cache
def ids() -> dict[str, int]:
    """Symbol -> its number."""
    text = (Path(__file__).parent / "vocabulary.json").read_text(encoding="utf-8")
    table: dict[str, int] = json.loads(text)
    return table
