"""What `vdx voices` asks of the family about files that it is given: whether they are a model."""

from pathlib import Path

from triton_backends.shared.parameters import Parameters
from triton_backends.speaker_embedding.engine import load_engine


def check(parameters: Parameters, folder: Path) -> None:
    """Loads the network once and asks it; raises as `load_engine` does."""
    load_engine(parameters, folder).close()
