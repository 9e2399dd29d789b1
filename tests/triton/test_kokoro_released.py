"""The released Kokoro (int8) with its five Japanese styles: blends, loudness, windows, memory.

The same with a small model of random weights: tests/triton/test_kokoro.py.
"""

import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.released_kokoro import NAME, kokoro_home
from tests.server.processes import serving
from tests.triton import repository as repo
from tests.triton.wire import Wire
from vdx.core.config import TritonConfig
from vdx.core.paths import locate
from vdx.serving.embedded import EmbeddedTriton
from vdx.serving.triton import SynthesisRequest, TritonClient

COMPUTE = repo.ROOT / "benchmarks" / "kokoro_compute.py"
SENTENCE = "Twelve birds are watching it."
LATE = "The quick brown fox jumps over the lazy dog."
"""The network begins it with 370 ms of silence in the style `jm_kumo`."""
BLEND = "jf_alpha:0.6+jm_kumo:0.4"
WAIT_LIMIT_S = 600.0
TIMEOUT_MS = 120_000


@pytest.fixture(scope="module")
def home() -> Path:
    return kokoro_home()


@pytest.fixture(scope="module")
def server(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedTriton]:
    with serving(
        home / "model_repository", tmp_path_factory.mktemp("kokoro") / "triton.log"
    ) as running:
        yield running


@pytest.fixture
async def client(server: EmbeddedTriton) -> AsyncIterator[TritonClient]:
    async with Wire(server.grpc_url) as wire:
        await wire.load(NAME)
    waits = {"first_response_timeout_ms": TIMEOUT_MS, "next_response_timeout_ms": TIMEOUT_MS}
    async with TritonClient(TritonConfig(url=server.grpc_url, **waits)) as opened:
        yield opened


async def heard(
    client: TritonClient, speaker: str, text: str = SENTENCE
) -> tuple[NDArray[np.float64], list[float]]:
    """Audio at 48 kHz in -1 to 1, and when each word begins, in ms."""
    request = SynthesisRequest(text, language="en-US", speaker=speaker)
    chunks = [chunk async for chunk in client.synthesize(NAME, request)]
    audio = np.concatenate([np.asarray(chunk.audio).reshape(-1) for chunk in chunks]) / 32768
    return audio, [word.start_ms for chunk in chunks for word in chunk.words]


def mean_spectrum(audio: NDArray[np.float64]) -> NDArray[np.float64]:
    pieces = np.lib.stride_tricks.sliding_window_view(audio, 2048)[::1024]
    found: NDArray[np.float64] = 10 * np.log10(np.mean(np.abs(np.fft.rfft(pieces)) ** 2, axis=0))
    return found


def begins_at_once(audio: NDArray[np.float64]) -> bool:
    return bool(np.flatnonzero(np.abs(audio) > 0.003)[0] < 0.02 * 48_000)


# Loading it takes ten seconds of a core. Without weights: tests/triton/test_kokoro.py; silence at
# the start: tests/unit/backends/test_speech.py.
@pytest.mark.long
async def test_a_long_silence_at_the_start_is_cut(client: TritonClient) -> None:
    audio, _ = await heard(client, "jm_kumo", LATE)
    assert begins_at_once(audio)


@pytest.mark.long
async def test_a_blend_is_spoken_and_is_neither_of_its_parts(client: TritonClient) -> None:
    spectra = []
    for speaker in ("jf_alpha", "jm_kumo", BLEND):
        audio, starts = await heard(client, speaker)
        seconds = audio.size / 48_000
        assert 1 < seconds < 4
        assert len(starts) == len(SENTENCE.split())
        assert starts == sorted(starts)
        assert starts[-1] < seconds * 1000
        assert begins_at_once(audio)
        spectra.append(mean_spectrum(audio))
    first, second, blend = spectra
    assert np.abs(blend - first).mean() > 0.5
    assert np.abs(blend - second).mean() > 0.5


@pytest.mark.long
def test_windows_sound_like_the_whole_sentence(home: Path) -> None:
    """In one process, without a server: the network in one run is the reference."""
    folder = home / "voicepacks" / "kokoro" / NAME
    command = [str(locate().triton_python), str(COMPUTE), str(folder), "1"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=WAIT_LIMIT_S)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["audio_s"] == pytest.approx(found["whole_audio_s"], abs=0.05)
    assert found["distance_db"] < 6, "two windows that do not fit are 12 and more"
