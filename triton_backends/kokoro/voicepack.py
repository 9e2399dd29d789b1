"""From the parameters of a model to an engine that speaks with its voicepack."""

from pathlib import Path

from triton_backends.kokoro.engine import (
    FIRST_MS,
    LARGEST_MS,
    MAX_STREAMS,
    KokoroEngine,
    KokoroOptions,
)
from triton_backends.kokoro.network import MAX_THREADS, Network
from triton_backends.kokoro.styles import Styles, read_styles
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.model_files import voicepack_path
from triton_backends.shared.parameters import Parameters

NETWORK = "kokoro*.onnx"
STYLES = ("voices*.npz", "voices*.bin")
"""The released files of styles are named `.bin` and hold what numpy calls npz."""


def load_engine(parameters: Parameters, model_folder: Path) -> KokoroEngine:
    """Reads, checks and starts a voice; raises InvalidArgument naming what is wrong."""
    folder = voicepack_path(parameters, model_folder)
    threads = parameters.integer("threads", 0, high=MAX_THREADS)
    options = KokoroOptions(
        first_ms=parameters.integer("first_ms", FIRST_MS, low=100, high=10_000),
        largest_ms=parameters.integer("largest_ms", LARGEST_MS, low=100, high=30_000),
        max_streams=parameters.integer("max_streams", MAX_STREAMS, low=1, high=1024),
    )
    if not folder.is_dir():
        raise InvalidArgument(f"voicepack {str(folder)!r} is no folder")
    networks = sorted(folder.glob(NETWORK))
    if len(networks) != 1:
        raise InvalidArgument(f"voicepack {folder.name!r} holds {len(networks)} {NETWORK}, not one")
    files = sorted(file.name for pattern in STYLES for file in folder.glob(pattern))
    styles = {name: style for file in files for name, style in read_styles(folder, file).items()}
    return KokoroEngine(Network(networks[0], threads), Styles(styles), options)
