"""What a model took to load is told by its process."""

import asyncio

from tests.server.processes import eventually
from tests.triton.test_faults import metric
from tests.triton.wire import Wire
from vdx.serving.embedded import EmbeddedTriton


def took_memory(server: EmbeddedTriton, model: str) -> tuple[float, ...]:
    """Bytes of a model's process before and after it was loaded; nothing until both are told."""
    names = ("vdx_memory_before_load_bytes", "vdx_memory_after_load_bytes")
    told = tuple(metric(server, name, model) for name in names)
    return told if all(told) else ()


async def test_what_a_model_took_to_load_is_told(wire: Wire, triton_server: EmbeddedTriton) -> None:
    await wire.load("tone")
    told = lambda: took_memory(triton_server, "tone")  # noqa: E731
    before, after = await asyncio.to_thread(eventually, told, "the model tells it")
    assert 1 << 20 < before <= after
    gpu = await asyncio.to_thread(metric, triton_server, "vdx_gpu_memory_after_load_bytes", "tone")
    assert gpu == 0, "it has no PyTorch"
