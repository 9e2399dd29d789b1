"""What XTTS-v2 alone has, of random weights in a real tritonserver."""

import asyncio
from pathlib import Path

import pytest

from tests.neural.tiny_voices import TINY, TinyVoices
from tests.triton.wire import Wire
from vdx.serving.model_processes import model_processes

pytestmark = pytest.mark.neural

VOICE = TINY["xtts"].id


def test_it_is_added_with_what_it_is(voices: TinyVoices) -> None:
    pack = voices.store.find(VOICE).pack
    assert pack is not None
    assert {"en", "de", "zh", "hi"} <= set(pack.languages)
    assert pack.licence == "CPML"
    assert set(pack.files) == {
        "LICENSE.txt",
        "config.json",
        "speakers.safetensors",
        "vocab.json",
        "xtts.safetensors",
    }


def has_torch(server: int) -> dict[str, bool]:
    """By model, whether its process has PyTorch in it."""
    processes = model_processes({VOICE, "tone"}, server)
    maps = {model: Path(f"/proc/{number}/maps").read_text() for number, model in processes.items()}
    return {model: "libtorch" in text for model, text in maps.items()}


async def test_a_voice_of_another_family_loads_none_of_it(wire: Wire, voices: TinyVoices) -> None:
    await wire.load(VOICE)
    await wire.load("tone")
    assert voices.server.pid is not None
    assert await asyncio.to_thread(has_torch, voices.server.pid) == {VOICE: True, "tone": False}
