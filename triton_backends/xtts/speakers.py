"""The voices that come with a model, by name."""

from pathlib import Path
from typing import Any

from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.model_files import exists, regular_file

FILE = "speakers.safetensors"
MAX_BYTES = 512 * 1024**2
GPT, SPEAKER = "gpt/", "speaker/"
"""A voice's two tensors are named by these and its name."""


def read_speakers(folder: Path) -> dict[str, tuple[Any, Any]]:
    """Name -> GPT latents [1, n, width] and speaker embedding [1, 512, 1]; empty without a file.

    Raises InvalidArgument where the file is none of voices.
    """
    if not exists(folder / FILE):
        return {}
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(regular_file(folder, FILE, MAX_BYTES))
    except SafetensorError as error:
        raise InvalidArgument(f"{FILE} is no file of voices: {error}") from None
    names = sorted(key.removeprefix(GPT) for key in tensors if key.startswith(GPT))
    try:
        return {name: (tensors[GPT + name], tensors[SPEAKER + name]) for name in names}
    except KeyError as error:
        raise InvalidArgument(f"{FILE} lacks {error}") from None
