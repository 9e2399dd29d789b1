"""Times a Piper voice without a server: the reference, the whole network, the windows.

A helper of `python -m benchmarks piper` that runs in the environment of the models and answers one
JSON line for each line it reads: `reference TEXT`, `whole TEXT` or `windows TEXT`, with seconds of
the clock, of CPU time and of audio. The reference is piper-tts if it is installed there.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any


class Computer:
    """One voice in three ways."""

    def __init__(self, network: Path) -> None:
        import onnxruntime

        from triton_backends.piper.voicepack import load_engine
        from triton_backends.shared.parameters import Parameters

        parameters = Parameters({"voicepack": str(network.parent)})
        self._engine = load_engine(parameters, network.parent)
        self._whole = onnxruntime.InferenceSession(str(network), providers=["CPUExecutionProvider"])
        self._reference: Any = None
        try:
            from piper import PiperVoice

            self._reference = PiperVoice.load(network)
        except ImportError:
            pass

    def answer(self, line: str) -> dict[str, float]:
        """`seconds`, of the clock and of `cpu`, and `audio`; empty where there is no reference."""
        kind, _, text = line.partition(" ")
        if kind == "reference" and self._reference is None:
            return {}
        began, used = time.perf_counter(), time.process_time()
        samples = {"reference": self._by_reference, "whole": self._at_once, "windows": self._cut}[
            kind
        ](text)
        took, cpu = time.perf_counter() - began, time.process_time() - used
        return {"seconds": took, "cpu": cpu, "audio": samples / self._engine.sample_rate}

    def _by_reference(self, text: str) -> int:
        return sum(chunk.audio_float_array.size for chunk in self._reference.synthesize(text))

    def _at_once(self, text: str) -> int:
        import numpy as np

        from triton_backends.piper.networks import text_inputs

        scales = np.array([0.667, 1.0, 0.8], np.float32)
        samples = 0
        for sentence in self._engine.sentences(text):
            inputs = text_inputs(np.array(sentence.ids, np.int64), scales, None)
            samples += self._whole.run(None, inputs)[0].size
        return samples

    def _cut(self, text: str) -> int:
        from triton_backends.shared.contract import TtsRequest

        return sum(chunk.pcm.size for chunk in self._engine.synthesize(TtsRequest(text)))


def serve(network: Path) -> None:
    """Answers lines until there are no more."""
    computer = Computer(network)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(computer.answer(line.rstrip("\n"))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[2])
    serve(Path(sys.argv[1]))
