"""Drives an engine as a backend's worker does."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from triton_backends.moonshine.engine import EngineOptions, MoonshineEngine
from triton_backends.moonshine.model_folder import Model
from triton_backends.moonshine.utterance import MoonshineUtterance
from triton_backends.moonshine.window import Window
from triton_backends.shared.contract import AsrRequest

DATA = Path(__file__).parents[3] / "data" / "moonshine"
LAYOUTS = ("whole", "streaming")
SILENCE = np.zeros(0, np.int16)


def never() -> bool:
    return False


def window(model: Model) -> Window:
    return Window(model, None, never)


def open_engine(layout: str, **options: object) -> MoonshineEngine:
    return MoonshineEngine(DATA / layout, EngineOptions(**options))  # type: ignore[arg-type]


def started(engine: MoonshineEngine) -> MoonshineUtterance:
    return engine.start(AsrRequest(audio=SILENCE))


def pieces(pcm: NDArray[np.int16], size: int) -> Iterable[NDArray[np.int16]]:
    return (pcm[at : at + size] for at in range(0, pcm.size, size))
