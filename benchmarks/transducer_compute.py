"""Times a streaming transducer of the real size without a server.

    python -m benchmarks.transducer_compute zipformer|fastconformer ROUNDS

Runs in the environment of the models, one thread a step; writes one JSON line a round: milliseconds
of processor time of a step and of a FLUSH at a pause, the real-time factor of the steps, the size
of a state, how long the slowest chunk waited while `SPEAKERS` spoke at once, in real time, and what
a step of sherpa-onnx takes over the same files, where it is installed.
"""

import importlib
import json
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from triton_backends.transducer.engine import TransducerEngine
    from triton_backends.transducer.utterance import TransducerUtterance

RECORDING = Path(__file__).parents[1] / "tests" / "data" / "audio" / "ps_something.wav"
RATE, PIECE = 16_000, 960
SPEAKERS, SPOKEN_S = 8, 4.0


def pieces() -> "Iterator[NDArray[np.int16]]":
    """A recording as a session sends it, 60 ms at a time."""
    with wave.open(str(RECORDING)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return (pcm[at : at + PIECE] for at in range(0, pcm.size - PIECE, PIECE))


def started(engine: "TransducerEngine") -> "TransducerUtterance":
    from triton_backends.shared.contract import AsrRequest

    return engine.start(AsrRequest(audio=np.zeros(0, np.int16)))


def ended(answer: object) -> None:
    if isinstance(answer, Future):
        answer.result()


def alone(engine: "TransducerEngine") -> dict[str, float]:
    """One speaker: each chunk, and a FLUSH every half second."""
    utterance, steps, flushes, audio_s = started(engine), list[float](), list[float](), 0.0
    for place, piece in enumerate(pieces(), 1):
        began = time.process_time()
        answer = utterance.accept(piece)
        if answer is not None:
            ended(answer)
            steps.append(time.process_time() - began)
        audio_s += PIECE / RATE
        if place % 8 == 0:
            began = time.process_time()
            ended(utterance.flush())
            flushes.append(time.process_time() - began)
    return {
        "step_ms": 1000 * float(np.median(steps)),
        "flush_ms": 1000 * float(np.median(flushes)),
        "real_time_factor": sum(steps) / audio_s,
    }


def together(engine: "TransducerEngine") -> float:
    """Milliseconds that the slowest chunk took from its last sample to its partial."""
    utterances, waits = [started(engine) for _ in range(SPEAKERS)], list[float]()
    audio, begin = [list(pieces()) for _ in utterances], time.perf_counter()
    for turn in range(int(SPOKEN_S * RATE / PIECE)):
        for speaker, utterance in enumerate(utterances):
            due = begin + (turn + speaker / SPEAKERS) * PIECE / RATE
            time.sleep(max(due - time.perf_counter(), 0))
            answer = utterance.accept(audio[speaker][(turn + speaker) % len(audio[speaker])])
            if answer is not None:
                answer.add_done_callback(lambda _, due=due: waits.append(time.perf_counter() - due))  # type: ignore[misc]
    for utterance in utterances:
        ended(utterance.finish())
    return 1000 * max(waits)


class Reference:
    """sherpa-onnx over the same files, one thread."""

    def __init__(self, folder: Path) -> None:
        sherpa_onnx = importlib.import_module("sherpa_onnx")
        names = ("encoder", "decoder", "joiner")
        files = {name: str(next(folder.glob(f"{name}*.onnx"))) for name in names}
        self._recogniser = sherpa_onnx.OnlineRecognizer.from_transducer(
            tokens=str(folder / "tokens.txt"), num_threads=1, **files
        )

    def step_ms(self) -> float:
        """The median of a step over the recording."""
        stream, steps = self._recogniser.create_stream(), list[float]()
        for piece in pieces():
            stream.accept_waveform(RATE, piece.astype(np.float32) / 32768)
            while self._recogniser.is_ready(stream):
                began = time.process_time()
                self._recogniser.decode_stream(stream)
                steps.append(time.process_time() - began)
        return 1000 * float(np.median(steps))


def reference(folder: Path) -> Reference | None:
    """None where sherpa-onnx is not installed."""
    try:
        return Reference(folder)
    except ImportError:
        return None


def main(layout: str, rounds: int) -> None:
    from benchmarks.transducer_graphs import write
    from triton_backends.transducer.engine import EngineOptions, TransducerEngine

    with tempfile.TemporaryDirectory() as made:
        write(layout, Path(made))
        engine = TransducerEngine(Path(made), EngineOptions(parallel=2))
        state = sum(array.nbytes for array in engine.model.encoder.start(""))
        other = reference(Path(made))
        alone(engine)
        for _ in range(rounds):
            told = alone(engine) | {"state_mb": state / 1e6, "wait_ms": together(engine)}
            if other is not None:
                told["reference_ms"] = other.step_ms()
            print(json.dumps(told), flush=True)
        engine.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
