"""Large neural voices keep their size, whatever is asked of them and however often they are loaded.

Long tests: minutes of a core for each family. That a request which is cancelled ends, and that the
next one is served, is tested in tests/neural/test_families.py.
"""

import asyncio
import random
from contextlib import aclosing, suppress

import pytest

from tests.model_memory import FLAT, keeps_its_size, size_of, stays_flat_over_loads, text
from tests.neural.tiny_voices import LONG, TEXT, Tiny, TinyVoices, spoken
from tests.repetitions import Repetitions, repetitions
from tests.server.processes import eventually
from tests.triton.test_faults import frames_of, settled
from tests.triton.wire import Wire
from vdx.serving.embedded import EmbeddedTriton
from vdx.serving.triton import SynthesisRequest, TritonClient

__all__ = ["repetitions"]

pytestmark = [pytest.mark.neural, pytest.mark.long]

CANCELLED = 1000
AT_ONCE = 4
WARM_UP = 40
LONGEST = 200
"""Characters."""


async def cancel_one(client: TritonClient, voice: str, chance: random.Random) -> None:
    """Gives a request up: before its first audio, or behind it.

    As every program of vdx does it. The cancellation of a gRPC call, which tests/triton/test_faults
    and test_families.py try now and then, sometimes crashes tritonserver 2.51.
    """
    async with aclosing(client.synthesize(voice, SynthesisRequest(LONG))) as chunks:
        if chance.random() < 0.5:
            with suppress(TimeoutError):
                async with asyncio.timeout(chance.random() / 4):
                    await anext(chunks)
        else:
            assert len((await anext(chunks)).audio)


async def test_requests_that_are_cancelled_leave_nothing(
    voices: TinyVoices, wire: Wire, tiny: Tiny, repetitions: Repetitions
) -> None:
    server, chance = voices.server, random.Random(7)
    await wire.load(tiny.id)

    async def several(count: int) -> None:
        async with TritonClient(voices.patient) as client:
            for _ in range(0, count, AT_ONCE):
                await asyncio.gather(*(cancel_one(client, tiny.id, chance) for _ in range(AT_ONCE)))
                # A voice takes few at once, and one that was given up ends with its chunk.
                over = lambda: not client.streams.in_flight(tiny.id)  # noqa: E731
                await asyncio.to_thread(eventually, over, "the cancelled requests have ended")
        assert await settled(server, "vdx_active_streams", tiny.id, 0)

    await several(WARM_UP)
    warm = size_of(tiny.id, server)
    await several(repetitions(CANCELLED, share=5))
    now = size_of(tiny.id, server)
    assert frames_of(await spoken(wire, tiny.id, TEXT)) > 30, "the next request is served"
    await wire.unload(tiny.id)
    print(f"{tiny.id}: {warm >> 20} MiB after {WARM_UP} cancelled requests, {now >> 20} at the end")
    assert now <= FLAT * warm, f"{warm >> 20} MiB became {now >> 20} MiB"


async def test_loads_and_unloads_leave_the_memory_flat(server: EmbeddedTriton, tiny: Tiny) -> None:
    async def ask(wire: Wire) -> None:
        assert frames_of(await spoken(wire, tiny.id, TEXT)) > 30

    await stays_flat_over_loads(server, tiny.id, ask)


async def test_it_keeps_its_size(
    voices: TinyVoices, wire: Wire, tiny: Tiny, repetitions: Repetitions
) -> None:
    await wire.load(tiny.id)

    async def ask(chance: random.Random) -> None:
        responses = await spoken(wire, tiny.id, text(chance, LONGEST))
        assert not any(response.error for response in responses), responses[-1].error

    await keeps_its_size(voices.server, tiny.id, ask, repetitions)
    await wire.unload(tiny.id)
