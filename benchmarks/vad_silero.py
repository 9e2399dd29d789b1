"""Silero VAD in the place of webrtcvad and the voice check, for the study of listening.

The released network (MIT) is taken out of its package of the Python registry, which is not
installed: it would bring torch. The network judges 512 samples at a time with 64 of context before
them, as the package's own code gives them to it; a frame of 20 ms takes the newest judgement.
"""

from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vdx.core.config import VadConfig
from vdx.core.paths import locate
from vdx.serving.voicepacks.registry import fetch_packages, pip_command
from vdx.serving.voicepacks.starters import Package, Starter, StarterFile
from vdx.speech.input.vad import SpeechDetector

NETWORK: Final = "silero_vad_16k_op15.onnx"
RELEASED: Final = Starter(
    id="silero-vad-6.2.3",
    kind="endpointer",
    family="silero",
    languages=(),
    licence="MIT",
    files={
        NETWORK: StarterFile(
            size=1_289_603,
            sha256="7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49",
        )
    },
    packages=(
        Package(
            requirement="silero-vad==6.2.3",
            sha256="7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8",
            folder="silero_vad/data",
        ),
    ),
)
WINDOW: Final = 512
"""Samples at 16 kHz that are judged at a time."""
CONTEXT: Final = 64
"""Samples before them that the network sees too."""
SPEECH_ABOVE: Final = 0.5
"""Probability from which on the package's own code calls a window speech."""


def fetch_network() -> Path:
    """The network's file, fetched once.

    Raises:
        RegistryError: the package did not arrive.
        InvalidVoicepack: it holds another file.
    """
    folder = locate().home / "benchmarks" / RELEASED.id
    if not RELEASED.is_whole(folder, NETWORK):
        folder.mkdir(parents=True, exist_ok=True)
        fetch_packages(pip_command(locate()), RELEASED, folder)
        RELEASED.require_whole(folder)
    return folder / NETWORK


@cache
def _session() -> Any:
    """One for all detectors of a process: they keep their states themselves."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        str(fetch_network()), options, providers=["CPUExecutionProvider"]
    )


class SileroVad:
    """Says of each 20 ms frame whether it is speech, as `webrtcvad.Vad` does."""

    def __init__(self) -> None:
        self._state = np.zeros((2, 1, 128), np.float32)
        self._context = np.zeros(CONTEXT, np.float32)
        self._heard = np.zeros(0, np.float32)
        self._speech = False

    def is_speech(self, frame: bytes, rate: int) -> bool:
        """`frame` is int16 mono of `rate` 16,000 Hz."""
        pcm = np.frombuffer(frame, "<i2").astype(np.float32) / 32768
        self._heard = np.concatenate([self._heard, pcm])
        while self._heard.size >= WINDOW:
            window, self._heard = self._heard[:WINDOW], self._heard[WINDOW:]
            self._speech = self._probability(window, rate) >= SPEECH_ABOVE
        return self._speech

    def _probability(self, window: NDArray[np.float32], rate: int) -> float:
        heard = np.concatenate([self._context, window])
        self._context = window[-CONTEXT:]
        given = {"input": heard[None], "state": self._state, "sr": np.array(rate, np.int64)}
        found, self._state = _session().run(None, given)
        return float(found[0, 0])


class SileroDetector(SpeechDetector):
    """The detector of a session with Silero's judgement of frames; all else is the same."""

    def _apply(self, config: VadConfig) -> None:
        super()._apply(config)
        self._vad = SileroVad()
