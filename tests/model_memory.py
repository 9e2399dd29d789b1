"""Whether processes of a model keep their size: over requests of ever new lengths, over loads."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from statistics import median

import psutil

from tests.repetitions import Repetitions, bound
from tests.server.processes import eventually
from tests.triton.wire import Wire
from vdx.serving.embedded import EmbeddedTriton
from vdx.serving.model_processes import model_processes

REQUESTS = 2000
WARM_UP = 10
LONGEST = bound(1000, 300)
"""Characters of a text; frames of 20 ms of a recording."""
GROWTH = 1.5
AT_ONCE = 2
WORDS = (
    "rain",
    "falls",
    "seven",
    "trains",
    "while",
    "quick",
    "brown",
    "foxes",
    "jump",
    "lazy",
    "dogs",
)


def length(chance: random.Random, longest: int) -> int:
    """1 to `longest`; as many between 1 and 10 as between 100 and 1,000."""
    return round(longest ** chance.random())


def text(chance: random.Random, longest: int = LONGEST) -> str:
    """Sentences of known words, cut to a length."""
    words = (chance.choice(WORDS) + chance.choice(["", "", "", ",", ".", "?"]) for _ in range(400))
    return " ".join(words)[: length(chance, longest)]


def processes_of(model: str, server: EmbeddedTriton) -> set[int]:
    """One for each instance, and those that are ending."""
    assert server.pid is not None
    return set(model_processes([model], server.pid))


def size_of(model: str, server: EmbeddedTriton) -> int:
    """Resident bytes of the model's processes on this server."""
    processes = processes_of(model, server)
    assert processes
    return sum(int(psutil.Process(each).memory_info().rss) for each in processes)


async def keeps_its_size(
    server: EmbeddedTriton,
    model: str,
    ask: Callable[[random.Random], Awaitable[object]],
    repetitions: Repetitions,
) -> None:
    """Asks a loaded model AT_ONCE at a time; `ask` makes one request by chance."""
    chance = random.Random(7)

    async def several(count: int) -> None:
        for _ in range(0, count, AT_ONCE):
            await asyncio.gather(*(ask(chance) for _ in range(AT_ONCE)))

    await several(WARM_UP)
    warm = size_of(model, server)
    await several(repetitions(REQUESTS, share=20))
    now = size_of(model, server)
    print(f"{model}: {warm >> 20} MiB after {WARM_UP} requests, {now >> 20} MiB at the end")
    assert now < GROWTH * warm, f"{warm >> 20} MiB became {now >> 20} MiB"


CYCLES = 20
SETTLED = 5
"""Loads after which caches are filled, and the measure begins."""
FLAT = 1.05


async def stays_flat_over_loads(
    server: EmbeddedTriton, model: str, ask: Callable[[Wire], Awaitable[None]]
) -> None:
    """Loads a model CYCLES times, asks it and unloads it: memory grows by 5 % at most.

    That of tritonserver, and of the model's processes, each of which begins anew.
    """
    sizes = []
    assert server.pid is not None
    async with Wire(server.grpc_url) as wire:
        for _ in range(CYCLES):
            await wire.load(model)
            await ask(wire)
            own = psutil.Process(server.pid).memory_info().rss
            sizes.append((own, size_of(model, server)))
            await wire.unload(model)
            # Triton answers at once; the process ends about a second later.
            ended = lambda: not processes_of(model, server)  # noqa: E731
            await asyncio.to_thread(eventually, ended, f"the process of {model} has ended")
    early = [median(each[part] for each in sizes[SETTLED : SETTLED + 5]) for part in (0, 1)]
    late = [median(each[part] for each in sizes[-5:]) for part in (0, 1)]
    grown = [
        round(100 * (after / before - 1), 1) for before, after in zip(early, late, strict=True)
    ]
    print(f"{model}: tritonserver {grown[0]:+} %, the model's processes {grown[1]:+} %")
    assert late[0] <= FLAT * early[0], grown
    assert late[1] <= FLAT * early[1], grown
