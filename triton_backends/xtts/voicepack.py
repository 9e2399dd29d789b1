"""From the parameters of a model to an engine that speaks with its voicepack."""

from pathlib import Path

from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.model_files import voicepack_path
from triton_backends.shared.parameters import Parameters
from triton_backends.shared.references import KEPT
from triton_backends.xtts.engine import MAX_STREAMS, XttsEngine, XttsOptions
from triton_backends.xtts.network import MAX_THREADS, Hardware, Network
from triton_backends.xtts.speakers import read_speakers
from triton_backends.xtts.tokens import Sampling
from triton_backends.xtts.vocoder import FIRST_TOKENS, LARGEST_TOKENS

DTYPES = ("float32", "bfloat16", "float16")


def load_engine(parameters: Parameters, model_folder: Path, gpu: int | None = None) -> XttsEngine:
    """Reads, checks and starts a voice; `gpu` is the one that Triton placed it on.

    Raises InvalidArgument naming what is wrong.
    """
    folder = voicepack_path(parameters, model_folder)
    if not folder.is_dir():
        raise InvalidArgument(f"voicepack {str(folder)!r} is no folder")
    options = _options(parameters)
    hardware = _hardware(parameters, gpu)
    speakers = read_speakers(folder)
    if options.default_speaker and options.default_speaker not in speakers:
        raise InvalidArgument(f"parameter speaker: there is no {options.default_speaker!r}")
    engine = XttsEngine(Network(folder, hardware), speakers, options)
    if options.default_language not in engine.languages:
        raise InvalidArgument(
            f"parameter default_language: {options.default_language!r} is none of "
            f"{', '.join(engine.languages)}"
        )
    return engine


def _hardware(parameters: Parameters, gpu: int | None) -> Hardware:
    device = parameters.choice("device", "cpu" if gpu is None else "cuda", ("cpu", "cuda"))
    on_gpu = device == "cuda"
    return Hardware(
        device=f"cuda:{gpu or 0}" if on_gpu else "cpu",
        dtype=parameters.choice("dtype", "bfloat16" if on_gpu else "float32", DTYPES),
        threads=parameters.integer("threads", 0, high=MAX_THREADS),
    )


def _options(parameters: Parameters) -> XttsOptions:
    default = Sampling()
    sampling = Sampling(
        temperature=parameters.number("temperature", default.temperature, low=0.01, high=5),
        top_k=parameters.integer("top_k", default.top_k, low=1, high=10_000),
        top_p=parameters.number("top_p", default.top_p, low=0.01, high=1),
        repetition_penalty=parameters.number(
            "repetition_penalty", default.repetition_penalty, low=0.1, high=100
        ),
        seed=parameters.integer("seed", default.seed, low=-1),
    )
    return XttsOptions(
        sampling=sampling,
        default_language=parameters.text("default_language", "en"),
        default_speaker=parameters.text("speaker"),
        first_tokens=parameters.integer("first_tokens", FIRST_TOKENS, low=1, high=600),
        largest_tokens=parameters.integer("largest_tokens", LARGEST_TOKENS, low=1, high=600),
        max_streams=parameters.integer("max_streams", MAX_STREAMS, low=1, high=1024),
        kept_references=parameters.integer("kept_references", KEPT, low=1, high=10_000),
    )
