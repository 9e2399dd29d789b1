"""Times the endpointer beside its bare graph, without a server, on one core.

    python -m benchmarks.smart_turn_compute FOLDER ROUNDS

Runs in the environment of the models; writes one JSON line a round: milliseconds of a question,
features and graph, and of the graph alone in a session of onnxruntime with its usual options, by
turns. The rounds ask about the first seconds of a recording, a length of LENGTHS_S after the other.
"""

import json
import os
import sys
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

RECORDING: Final = Path(__file__).parents[1] / "tests" / "data" / "audio" / "ps_something.wav"
RATE: Final = 16_000
LENGTHS_S: Final = (1, 2, 4, 8)
WARM_UPS: Final = 3


def turn(seconds: float) -> "np.typing.NDArray[np.int16]":
    """So much of the recording, from its beginning, again and again where it is shorter."""
    with wave.open(str(RECORDING)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return np.resize(pcm, int(seconds * RATE))


def took_ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def main(folder: Path, rounds: int) -> None:
    import onnxruntime

    from triton_backends.shared.parameters import Parameters
    from triton_backends.smart_turn.engine import INPUT, OUTPUT, load_engine, read_graph
    from triton_backends.smart_turn.features import TurnFeatures

    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    parameters = Parameters({"voicepack": str(folder)})
    engine = load_engine(parameters, folder)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    graph = onnxruntime.InferenceSession(read_graph(parameters, folder), options)
    features = TurnFeatures()
    for number in range(-WARM_UPS, rounds):
        pcm = turn(LENGTHS_S[number % len(LENGTHS_S)])
        given = {INPUT: features(pcm)[None]}
        line = {
            "graph_ms": took_ms(lambda given=given: graph.run([OUTPUT], given)),  # type: ignore[misc]
            "question_ms": took_ms(lambda pcm=pcm: engine.probability(pcm)),  # type: ignore[misc]
        }
        if number >= 0:
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
