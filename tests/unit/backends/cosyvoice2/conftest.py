"""One tiny CosyVoice 2 for these tests: of the official code where there is a checkout of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from triton_backends.shared.contract import REFERENCE_RATE, TtsRequest

GIVEN = {"voicepack": ".", "trusted": "true", "seed": "3", "threads": "1", "speaker": "Ana"}
GIVEN |= {"most_tokens_for_each": "2"}


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files as they are published."""
    from tests.cosyvoice_voice import make_voice

    return make_voice(tmp_path_factory.mktemp("cosyvoice2") / "published")


@pytest.fixture(scope="session")
def folder(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same files side by side, as a voicepack has them."""
    flat = tmp_path_factory.mktemp("cosyvoice2") / "own"
    flat.mkdir()
    for file in published.rglob("*"):
        if file.is_file():
            (flat / file.name).write_bytes(file.read_bytes())
    return flat


@pytest.fixture(scope="session")
def load(folder: Path) -> Callable[..., Any]:
    """Loads an engine with parameters."""
    from triton_backends.cosyvoice2.voicepack import load_engine
    from triton_backends.shared.parameters import Parameters

    return lambda **more: load_engine(Parameters(GIVEN | more), folder)


@pytest.fixture(scope="session")
def engine(load: Callable[..., Any]) -> Any:
    return load()


def said(engine: Any, text: str, **asked: Any) -> NDArray[np.float32]:
    """All audio of a request."""
    return np.concatenate([chunk.pcm for chunk in engine.synthesize(TtsRequest(text, **asked))])


def recording(seconds: float, pitch: float = 150.0) -> NDArray[np.int16]:
    times = np.arange(int(seconds * REFERENCE_RATE)) / REFERENCE_RATE
    return (np.mod(times * pitch, 1.0) * 8000).astype(np.int16)
