"""What the manager of a Triton announces of it."""

from collections.abc import Callable, Iterable
from typing import cast

from vdx.serving.model_status import ModelStatus
from vdx.serving.registry.entry import (
    Capabilities,
    ModelEntry,
    ModelMetrics,
    ModelPhase,
    ServerEntry,
)


def server_entry(
    name: str,
    addr: str,
    models: Iterable[ModelStatus],
    measured: Callable[[str], ModelMetrics],
    *,
    is_unloaded: Callable[[str], bool] = lambda _: False,
    manager: str = "",
    draining: bool = False,
) -> ServerEntry:
    """The entry of one server; models of which nothing is known are left out.

    `measured` tells all of how a model does but its leases, `is_unloaded` whether somebody asked
    for its unload; `manager` is the URL of its model manager, for frontends on other machines.
    """
    entries = {}
    for status in models:
        if status.info is not None:
            model = status.name
            leases = status.stay.leases if status.stay is not None else 0
            metrics = measured(model).model_copy(update={"leases": leases})
            entry = _model_entry(status, metrics)
            entries[model] = entry.model_copy(update={"unloaded": is_unloaded(model)})
    return ServerEntry(name=name, addr=addr, manager=manager, models=entries, draining=draining)


def _model_entry(status: ModelStatus, metrics: ModelMetrics) -> ModelEntry:
    info, stay = status.info, status.stay
    if info is None:
        raise ValueError(f"nothing is known of {status.name}")
    state = "resident" if status.state == "READY" else "absent"
    if stay is not None and stay.phase != "resident":
        state = stay.phase
    return ModelEntry(
        kind=info.kind,
        state=cast(ModelPhase, state),
        capabilities=Capabilities(
            streaming=info.can("streaming"),
            zero_shot=info.can("zero_shot"),
            lora=info.can("lora"),
            cpu_ok=info.can("cpu_ok"),
            emotive_zero_prompt=info.can("emotive_zero_prompt"),
            languages=info.languages,
            sample_rates=(info.sample_rate,),
        ),
        metrics=metrics,
    )
