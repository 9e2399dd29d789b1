"""Where the recordings are that studies use: their own, and those of benches and tests."""

from pathlib import Path

from vdx.bench.clips import recording

DATA = Path(__file__).parent / "data"


def studied(name: str) -> Path:
    """The file of a recording at 16 kHz, by its name with or without the ending .wav."""
    own = DATA / name
    return own if own.exists() else recording(name.removesuffix(".wav"))
