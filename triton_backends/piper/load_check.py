"""What `vdx voices` asks of the family about files that it is given: whether they are a voice."""

from pathlib import Path

from triton_backends.piper.voicepack import load_engine
from triton_backends.shared.parameters import Parameters


def check(parameters: Parameters, folder: Path) -> None:
    """Loads the voice once; raises as `load_engine` does."""
    load_engine(parameters, folder).close()
