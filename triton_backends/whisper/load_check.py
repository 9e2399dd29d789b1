"""What `vdx voices` asks of the family about files that it is given: whether they are a model."""

from pathlib import Path

from triton_backends.shared.parameters import Parameters
from triton_backends.whisper.engine import WhisperEngine


def check(parameters: Parameters, folder: Path) -> None:
    """Loads the model once; raises as `WhisperEngine.of` does."""
    WhisperEngine.of(parameters, folder).close()
