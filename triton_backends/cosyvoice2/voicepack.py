"""From the parameters of a model to an engine that speaks with its voicepack."""

from pathlib import Path
from typing import Any

from triton_backends.cosyvoice2.engine import MAX_STREAMS, CosyVoiceEngine, CosyVoiceOptions
from triton_backends.cosyvoice2.hops import FIRST, GROWTH, LARGEST
from triton_backends.cosyvoice2.loading import require_trust
from triton_backends.cosyvoice2.network import (
    MAX_THREADS,
    MOST_TOKENS_FOR_EACH,
    Hardware,
    Network,
)
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.model_files import voicepack_path
from triton_backends.shared.parameters import Parameters
from triton_backends.shared.references import KEPT

DTYPES = ("float32", "float16")
MOST_HOP = 1000


def load_engine(
    parameters: Parameters, model_folder: Path, gpu: int | None = None
) -> CosyVoiceEngine:
    """Reads, checks and starts a voice; `gpu` is the one that Triton placed it on.

    Raises InvalidArgument naming what is wrong, Unavailable where there is no checkout.
    """
    folder = voicepack_path(parameters, model_folder)
    if not folder.is_dir():
        raise InvalidArgument(f"voicepack {str(folder)!r} is no folder")
    require_trust(trusted=parameters.flag("trusted", default=False))
    options = _options(parameters)
    return CosyVoiceEngine(Network(folder, _hardware(parameters, gpu), options.sampling), options)


def _hardware(parameters: Parameters, gpu: int | None) -> Hardware:
    device = parameters.choice("device", "cpu" if gpu is None else "cuda", ("cpu", "cuda"))
    on_gpu = device == "cuda"
    dtype = parameters.choice("dtype", "float16" if on_gpu else "float32", DTYPES)
    if dtype == "float16" and not on_gpu:
        raise InvalidArgument("parameter dtype: float16 needs a GPU")
    return Hardware(
        gpu=(gpu or 0) if on_gpu else None,
        half=dtype == "float16",
        threads=parameters.integer("threads", 0, high=MAX_THREADS),
    )


def _options(parameters: Parameters) -> CosyVoiceOptions:
    return CosyVoiceOptions(
        sampling=_sampling(parameters),
        seed=parameters.integer("seed", -1, low=-1),
        default_speaker=parameters.text("speaker"),
        first_hop=_hop(parameters, "first_hop", FIRST),
        hop_growth=parameters.integer("hop_growth", GROWTH, low=1, high=100),
        largest_hop=_hop(parameters, "largest_hop", LARGEST),
        most_for_each=parameters.number(
            "most_tokens_for_each", MOST_TOKENS_FOR_EACH, low=2, high=100
        ),
        max_streams=parameters.integer("max_streams", MAX_STREAMS, low=1, high=1024),
        kept_references=parameters.integer("kept_references", KEPT, low=1, high=10_000),
    )


def _sampling(parameters: Parameters) -> dict[str, Any]:
    """Values that are left out stay those of the model's configuration."""
    chosen: dict[str, Any] = {}
    if parameters.text("top_p"):
        chosen["top_p"] = parameters.number("top_p", 0.8, low=0.01, high=1)
    if parameters.text("top_k"):
        chosen["top_k"] = parameters.integer("top_k", 25, low=1, high=10_000)
    if parameters.text("repeated_tokens"):
        chosen["win_size"] = parameters.integer("repeated_tokens", 10, low=1, high=1000)
    if parameters.text("repeated_share"):
        chosen["tau_r"] = parameters.number("repeated_share", 0.1, low=0.01, high=10)
    return chosen


def _hop(parameters: Parameters, name: str, default: int) -> int:
    """Whole chunks of the model's attention: what is said of a chunk must not change later."""
    hop = parameters.integer(name, default, low=FIRST, high=MOST_HOP)
    if hop % FIRST:
        raise InvalidArgument(f"parameter {name}: {hop} is no multiple of {FIRST}")
    return hop
