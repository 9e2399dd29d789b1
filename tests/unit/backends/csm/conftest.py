"""One CSM of random weights for these tests, and the library's own model of the same files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from triton_backends.shared.contract import TtsRequest

GREEDY = {"voicepack": ".", "top_k": "1", "depth_top_k": "1", "threads": "1"}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files as they are published."""
    from benchmarks.csm_voice import make_voice

    return make_voice(tmp_path_factory.mktemp("csm") / "tiny")


@pytest.fixture(scope="session")
def load(folder: Path) -> Callable[..., Any]:
    """Loads an engine with parameters, none of which draws at random unless asked."""
    from triton_backends.csm.voicepack import load_engine
    from triton_backends.shared.parameters import Parameters

    return lambda **more: load_engine(Parameters(GREEDY | more), folder)


@pytest.fixture(scope="session")
def engine(load: Callable[..., Any]) -> Any:
    return load()


@pytest.fixture(scope="session")
def library(folder: Path) -> Any:
    """What transformers loads, as its documentation says, with its processor."""
    from transformers import CsmForConditionalGeneration, CsmProcessor

    model = CsmForConditionalGeneration.from_pretrained(folder).eval()
    return model, CsmProcessor.from_pretrained(folder)


def said(engine: Any, text: str, **asked: Any) -> NDArray[np.float32]:
    """All audio of a request."""
    return np.concatenate([chunk.pcm for chunk in engine.synthesize(TtsRequest(text, **asked))])
