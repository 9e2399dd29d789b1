"""Speaker models in a real Triton: the contract, and what is refused."""

import numpy as np
import pytest

from tests.triton.typed import Connect
from tests.voices import MAN, WOMAN, voice
from vdx.core.errors import TritonError
from vdx.serving.triton import TritonClient

PATIENT_MS = 20_000


@pytest.fixture
def client(connect: Connect) -> TritonClient:
    return connect()


async def test_a_voice_is_a_vector_of_its_own(client: TritonClient) -> None:
    await client.load("voices")
    info = await client.describe("voices")
    assert (info.kind, info.family) == ("speaker", "speaker_embedding")
    await client.probe(info)
    man, again, woman = [
        await client.embed("voices", voice(who, seed=seed).tobytes(), PATIENT_MS)
        for who, seed in ((MAN, 1), (MAN, 2), (WOMAN, 1))
    ]
    assert man.dtype == np.float32
    assert np.linalg.norm(man) == pytest.approx(1.0, abs=1e-5)
    assert man @ again > 0.8
    assert man @ woman < 0.4
    with pytest.raises(TritonError, match="more than 30 s"):
        await client.embed("voices", bytes(32_000 * 31), PATIENT_MS)
    with pytest.raises(TritonError, match="AUDIO is empty"):
        await client.embed("voices", b"", PATIENT_MS)
