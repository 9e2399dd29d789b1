"""On what a Whisper model is run: device, compute type, threads."""

import os
from dataclasses import dataclass
from typing import Any

from triton_backends.shared.errors import Internal, InvalidArgument, Unavailable
from triton_backends.whisper.model_folder import ModelFolder

WIDE = 768
"""From this width on (Whisper small) a decode gains from a second thread."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """How the model is run: `threads` work on a decode, `parallel` decodes at once, 0 chooses.

    `compute_type` is one of CTranslate2's; "auto" is int8 on a CPU and float16 on a GPU.
    """

    device: str = "cpu"
    device_index: int = 0
    compute_type: str = "auto"
    threads: int = 0
    parallel: int = 0


def parallel_decodes(model: ModelFolder, hardware: Hardware) -> int:
    """How many decodes are computed at once where the configuration does not say."""
    if hardware.device == "cuda":
        return 1
    cores = len(os.sched_getaffinity(0))
    return max(1, min(cores // _threads(model, hardware), 4))


def _threads(model: ModelFolder, hardware: Hardware) -> int:
    cores = len(os.sched_getaffinity(0))
    return hardware.threads or min(2 if model.architecture.width >= WIDE else 1, cores)


def load_model(model: ModelFolder, hardware: Hardware, parallel: int) -> Any:
    """A ctranslate2.models.Whisper, which decodes `parallel` batches at once.

    Raises InvalidArgument naming the parameter, Unavailable without the GPU, Internal where
    CTranslate2 refuses the files.
    """
    import ctranslate2

    if hardware.device == "cuda" and not ctranslate2.get_cuda_device_count():
        raise Unavailable("parameter device: there is no CUDA device; use cpu")
    known = ctranslate2.get_supported_compute_types(hardware.device)
    chosen = hardware.compute_type
    if chosen == "auto":
        chosen = "float16" if hardware.device == "cuda" else "int8"
    if chosen not in known:
        raise InvalidArgument(
            f"parameter compute_type: {chosen!r} does not run on this {hardware.device}; "
            f"these do: {', '.join(sorted(known))}"
        )
    try:
        return ctranslate2.models.Whisper(
            str(model.folder),
            device=hardware.device,
            device_index=hardware.device_index,
            compute_type=chosen,
            inter_threads=parallel,
            intra_threads=_threads(model, hardware),
        )
    except (RuntimeError, ValueError) as error:
        raise Internal(f"{model.folder.name} does not load: {error}") from error
