"""Whether the processes of a model keep their size over requests of ever new lengths."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import psutil

from tests.repetitions import Repetitions, bound
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
