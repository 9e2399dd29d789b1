"""Drives an engine as the backend does, in this thread where nothing else is said."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from triton_backends.shared.contract import ASR_RATE, AsrRequest
from triton_backends.shared.engine import Hypothesis
from triton_backends.transducer.engine import EngineOptions, TransducerEngine
from triton_backends.transducer.model_folder import Options
from triton_backends.transducer.search import Emission, Prediction
from triton_backends.transducer.utterance import TransducerUtterance

WAIT_S = 60
SILENCE = np.zeros(0, np.int16)


def open_engine(folder: Path, parallel: int = 1, **options: object) -> TransducerEngine:
    return TransducerEngine(folder, EngineOptions(Options(**options), parallel=parallel))  # type: ignore[arg-type]


def done(answer: Hypothesis | Future[Hypothesis | None] | None) -> Hypothesis | None:
    return answer.result(WAIT_S) if isinstance(answer, Future) else answer


def sure(answer: Hypothesis | Future[Hypothesis | None] | None) -> Hypothesis:
    found = done(answer)
    assert found is not None
    return found


def started(engine: TransducerEngine) -> TransducerUtterance:
    return engine.start(AsrRequest(audio=SILENCE))


def change_metadata(file: Path, changes: Mapping[str, str]) -> None:
    """Rewrites a network with other metadata."""
    model = onnx.load(str(file))
    values = {each.key: each.value for each in model.metadata_props} | dict(changes)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, values)
    file.write_bytes(model.SerializeToString())


def emitted(utterance: TransducerUtterance) -> list[Emission]:
    """A list that gets every token which the utterance's stream hands over from now on."""
    found, hand_over = list[Emission](), utterance._stream.hand_over

    def recorded() -> list[Emission]:
        told = hand_over()
        found.extend(told)
        return told

    utterance._stream.hand_over = recorded  # type: ignore[method-assign]
    return found


def pieces(pcm: NDArray[np.int16], size: int) -> Iterable[NDArray[np.int16]]:
    return (pcm[at : at + size] for at in range(0, pcm.size, size))


def chirp(seconds: float = 6.0) -> NDArray[np.int16]:
    """A tone that rises and falls, with pauses, in noise."""
    time = np.arange(int(seconds * ASR_RATE)) / ASR_RATE
    pitch = 300 + 1500 * np.square(np.sin(1.3 * time))
    tone = np.sin(2 * np.pi * np.cumsum(pitch) / ASR_RATE) * (1 + np.sin(9 * time)) / 2
    tone *= np.sin(2 * np.pi * time / 2.7) > -0.7  # pauses
    noise = np.random.default_rng(3).normal(0, 0.03, time.size)
    return ((tone * 0.4 + noise) * 32767).astype(np.int16)


class FramesAsLogits:
    """A predictor whose state is the tokens since it began; the encoder's frames are the logits."""

    def start(self) -> Prediction:
        return Prediction(np.zeros(0, np.float32), ())

    def after(self, prediction: Prediction, token: int) -> Prediction:
        return Prediction(prediction.output, (*prediction.state, token))

    def logits(self, frame: NDArray[np.float32], _prediction: Prediction) -> NDArray[np.float32]:
        return frame
