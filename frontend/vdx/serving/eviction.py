"""Which models go to make room for another: a pure function."""

from collections.abc import Iterable
from dataclasses import dataclass

from vdx.core.errors import LoadRefused


@dataclass(frozen=True, slots=True)
class Occupant:
    """A model that takes room; `held` says what keeps it there, empty: it may go."""

    name: str
    voice: bool
    cost_mb: float
    last_used: float
    held: str = ""


def evicted_for(
    new: Occupant, others: Iterable[Occupant], cap: int, memory_limit_mb: float
) -> list[str]:
    """What has to go for `new`, the least recently used first.

    `cap` counts voices, `memory_limit_mb` the costs of all; 0 means no limit. For a model that is
    `held` itself as much goes as can, and it is never refused.

    Raises:
        LoadRefused: what may go makes not enough room; nothing has to go then.
    """
    others = list(others)
    free = sorted((each for each in others if not each.held), key=lambda each: each.last_used)
    voices = [each for each in free if each.voice]
    too_many = sum(each.voice for each in (*others, new)) - cap if cap and new.voice else 0
    going = voices[: max(too_many, 0)]
    refused = len(going) < too_many
    if refused and not new.held:
        raise LoadRefused(_too_many(new, others, cap), model=new.name)
    too_large = sum(each.cost_mb for each in (*others, new) if each not in going) - memory_limit_mb
    for each in free:
        if memory_limit_mb and too_large > 0 and each.cost_mb > 0 and each not in going:
            going.append(each)
            too_large -= each.cost_mb
    if memory_limit_mb and too_large > 0 and not new.held:
        raise LoadRefused(_too_large(new, others, memory_limit_mb), model=new.name)
    return [each.name for each in going]


def _too_many(new: Occupant, others: list[Occupant], cap: int) -> str:
    held = _told(each for each in others if each.voice)
    return f"{new.name}: no voice can go for it, and model_manager.resident_cap is {cap}: {held}"


def _too_large(new: Occupant, others: list[Occupant], limit_mb: float) -> str:
    taken = sum(each.cost_mb for each in others)
    return (
        f"{new.name} takes {new.cost_mb:.0f} MB, {taken:.0f} MB are taken, and "
        f"model_manager.memory_limit_mb is {limit_mb:.0f}: "
        f"{_told(each for each in others if each.cost_mb) or 'nothing else is loaded'}"
    )


def _told(models: Iterable[Occupant]) -> str:
    return ", ".join(f"{each.name} ({each.held or 'can go'})" for each in models)
