"""What is told of each model of a repository."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vdx.serving.models import ModelInfo, ModelState
from vdx.serving.residency import Residency


@dataclass(frozen=True, slots=True)
class ResidencyStatus:
    """Of a model that is loaded, or about to be; seconds, and megabytes of 1,000,000 bytes."""

    phase: str
    """waiting, loading, resident or unloading"""
    phase_s: float
    idle_s: float
    leases: int
    memory_mb: float | None
    """Of its processes after its first load; None where they are not on this machine."""
    why: str


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One model of the repository.

    `info` comes from Triton once the model was loaded, before that from its files on this machine;
    None where neither is known. `residency` is None for a model that is not loaded.
    """

    name: str
    state: str
    reason: str
    info: ModelInfo | None
    residency: ResidencyStatus | None = None


def statuses(
    index: Iterable[ModelState],
    known: Mapping[str, ModelInfo],
    residency: Residency,
    now: float,
) -> list[ModelStatus]:
    """Every model of Triton's index, with what is known of it."""
    return [
        ModelStatus(
            state.name,
            state.state,
            state.reason,
            known.get(state.name),
            residency_status(residency, state.name, now),
        )
        for state in index
    ]


def residency_status(residency: Residency, name: str, now: float) -> ResidencyStatus | None:
    """Of one model at `now`; None where it is not loaded."""
    if (model := residency.get(name)) is None:
        return None
    return ResidencyStatus(
        phase=str(model.phase),
        phase_s=max(now - model.since, 0.0),
        idle_s=max(now - model.last_used, 0.0),
        leases=residency.lease_count(name),
        memory_mb=residency.memory_mb(name),
        why=residency.why(name),
    )
