"""One XTTS-v2 of random weights for these tests, and the library's own of the same files."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from triton_backends.shared.contract import TtsRequest

GREEDY = {"voicepack": ".", "top_k": "1", "threads": "1"}


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files as they are published."""
    from benchmarks.xtts_voice import make_voice

    return make_voice(tmp_path_factory.mktemp("xtts") / "published")


@pytest.fixture(scope="session")
def folder(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that vdx makes of them."""
    from triton_backends.xtts.convert import convert

    copy = tmp_path_factory.mktemp("xtts") / "own"
    shutil.copytree(published, copy)
    convert(copy)
    return copy


@pytest.fixture(scope="session")
def load(folder: Path) -> Callable[..., Any]:
    """Loads an engine with parameters, none of which draws at random unless asked."""
    from triton_backends.shared.parameters import Parameters
    from triton_backends.xtts.voicepack import load_engine

    return lambda **more: load_engine(Parameters(GREEDY | more), folder)


@pytest.fixture(scope="session")
def engine(load: Callable[..., Any]) -> Any:
    return load()


@pytest.fixture(scope="session")
def library(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """coqui-tts's own model, loaded as its documentation says; it rewrites its file."""
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.models.xtts import Xtts

    copy = tmp_path_factory.mktemp("xtts") / "library"
    shutil.copytree(published, copy)
    config = XttsConfig()
    config.load_json(str(copy / "config.json"))
    model = Xtts(config)
    model.load_checkpoint(config, checkpoint_dir=str(copy), eval=True)
    return model


def said(engine: Any, text: str, **asked: Any) -> NDArray[np.float32]:
    """All audio of a request."""
    return np.concatenate([chunk.pcm for chunk in engine.synthesize(TtsRequest(text, **asked))])
