"""From the parameters of a model to an engine that speaks with its voicepack."""

import os
from pathlib import Path

from triton_backends.csm.adapters import KEPT as KEPT_ADAPTERS
from triton_backends.csm.adapters import Adapters
from triton_backends.csm.engine import (
    LARGEST_WINDOW,
    MAX_STREAMS,
    MOST_CHARACTERS,
    CsmEngine,
    CsmOptions,
)
from triton_backends.csm.frames import Sampling
from triton_backends.csm.network import MAX_THREADS, Hardware, Network
from triton_backends.csm.prompts import ROLES
from triton_backends.csm.turns import SECONDS, SESSIONS
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.parameters import Parameters
from triton_backends.shared.references import KEPT

DTYPES = ("float32", "bfloat16", "float16")


def folder_of(parameters: Parameters, model_folder: Path) -> Path:
    """The voicepack's folder; raises InvalidArgument where there is none."""
    wanted = parameters.text("voicepack")
    if not wanted:
        raise InvalidArgument("parameter voicepack is missing")
    folder = Path(os.path.normpath(model_folder / wanted))
    if not folder.is_dir():
        raise InvalidArgument(f"voicepack {str(folder)!r} is no folder")
    return folder


def load_engine(parameters: Parameters, model_folder: Path, gpu: int | None = None) -> CsmEngine:
    """Reads, checks and starts a voice; `gpu` is the one that Triton placed it on.

    Raises InvalidArgument naming what is wrong.
    """
    folder = folder_of(parameters, model_folder)
    options = _options(parameters)
    network = Network(folder, _hardware(parameters, gpu))
    kept = parameters.integer("kept_adapters", KEPT_ADAPTERS, low=1, high=1000)
    return CsmEngine(network, options, Adapters(network, folder.parent, kept))


def _hardware(parameters: Parameters, gpu: int | None) -> Hardware:
    device = parameters.choice("device", "cpu" if gpu is None else "cuda", ("cpu", "cuda"))
    on_gpu = device == "cuda"
    fixed = parameters.flag("static_cache", default=on_gpu)
    compiled = parameters.flag("cuda_graphs", default=on_gpu)
    if compiled and not on_gpu:
        raise InvalidArgument("parameter cuda_graphs: true needs a GPU")
    if compiled and not fixed:
        raise InvalidArgument("parameter cuda_graphs: true needs static_cache: true")
    return Hardware(
        device=f"cuda:{gpu or 0}" if on_gpu else "cpu",
        dtype=parameters.choice("dtype", "bfloat16" if on_gpu else "float32", DTYPES),
        threads=parameters.integer("threads", 0, high=MAX_THREADS),
        static_cache=fixed,
        compiled=compiled,
    )


def _options(parameters: Parameters) -> CsmOptions:
    default = Sampling()
    sampling = Sampling(
        temperature=parameters.number("temperature", default.temperature, low=0.01, high=5),
        top_k=parameters.integer("top_k", default.top_k, low=1, high=10_000),
        depth_temperature=parameters.number(
            "depth_temperature", default.depth_temperature, low=0.01, high=5
        ),
        depth_top_k=parameters.integer("depth_top_k", default.depth_top_k, low=1, high=10_000),
        seed=parameters.integer("seed", default.seed, low=-1),
    )
    return CsmOptions(
        sampling=sampling,
        default_speaker=parameters.text("speaker", ROLES[0]),
        context_seconds=parameters.number("context_seconds", SECONDS, low=0, high=60),
        sessions=parameters.integer("sessions", SESSIONS, low=1, high=10_000),
        most_characters=parameters.integer("most_characters", MOST_CHARACTERS, low=20, high=400),
        merged=tuple(filter(None, map(str.strip, parameters.text("merged").split(",")))),
        largest_window=parameters.integer("largest_window", LARGEST_WINDOW, low=1, high=50),
        max_streams=parameters.integer("max_streams", MAX_STREAMS, low=1, high=1024),
        kept_references=parameters.integer("kept_references", KEPT, low=1, high=10_000),
    )
