"""What the tests of the typed client share."""

from collections.abc import Callable
from typing import Any

from tests.triton.test_faults import settled
from vdx.core.events import SpeechChunk
from vdx.serving.embedded import EmbeddedTriton
from vdx.serving.triton import SynthesisRequest, TritonClient

TEXT = "A clause that is long enough to be spoken in a good many chunks."

Connect = Callable[..., TritonClient]


async def spoken(client: TritonClient, model: str, text: str, **changes: Any) -> list[SpeechChunk]:
    return [chunk async for chunk in client.synthesize(model, SynthesisRequest(text, **changes))]


def frames(chunks: list[SpeechChunk]) -> int:
    return sum(len(chunk.audio) for chunk in chunks)


async def eventually(server: EmbeddedTriton, name: str, model: str, value: float) -> None:
    assert await settled(server, name, model, value), f"{name} of {model} never was {value:g}"
