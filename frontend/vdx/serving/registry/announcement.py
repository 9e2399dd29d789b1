"""What the manager of a Triton announces of a model."""

from functools import lru_cache
from typing import NamedTuple

from vdx.serving.models import ModelInfo
from vdx.serving.registry.entry import Capabilities, ModelEntry, ModelMetrics, ModelPhase


class Measured(NamedTuple):
    """See `ModelMetrics`; plain values, which are quick to compare."""

    rtf: float | None
    queue_depth: int
    p50_first_audio_ms: float | None
    leases: int


@lru_cache(maxsize=4096)
def model_entry(
    info: ModelInfo, state: ModelPhase, measured: Measured, *, unloaded: bool
) -> ModelEntry:
    """One object for what is alike; `unloaded`: somebody asked for its unload.

    Every route reads the entries of all servers of its process, and whether one has changed is seen
    at once where it is the same object.
    """
    return ModelEntry(
        kind=info.kind,
        state=state,
        unloaded=unloaded,
        capabilities=_capabilities(info),
        metrics=ModelMetrics(**measured._asdict()),
    )


@lru_cache(maxsize=1024)
def _capabilities(info: ModelInfo) -> Capabilities:
    return Capabilities(
        streaming=info.can("streaming"),
        zero_shot=info.can("zero_shot"),
        lora=info.can("lora"),
        cpu_ok=info.can("cpu_ok"),
        emotive_zero_prompt=info.can("emotive_zero_prompt"),
        languages=info.languages,
        sample_rates=(info.sample_rate,),
    )
