"""Times a Piper voice in piper-tts and in streaming-vits.

    PYTHON -I benchmarks/piper_peers_compute.py NETWORK

A helper of `python -m benchmarks piper-peers` for an environment with both libraries. For each line
`piper-tts TEXT` or `streaming-vits TEXT` it writes one JSON line: seconds to the first audio, to
the first sound of a player that starts with it, and of CPU time in all; seconds of audio. For
`streaming-vits`, which calibrates itself first, the network lies in a folder that may be written.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

LOUD = 0.01
"""Of full scale: a player's first sound."""


class Peers:
    """One voice in both; text in, pieces of float audio out."""

    def __init__(self, network: Path) -> None:
        from piper import PiperVoice
        from streaming_vits import StreamingTTS
        from streaming_vits.calibrate import calibrate

        self._whole = PiperVoice.load(network)
        self._streaming = StreamingTTS(network, threads=os.cpu_count(), verbose=False)
        with contextlib.redirect_stdout(sys.stderr):
            self._streaming.profile = calibrate(self._streaming, verbose=False)
        self.rate: int = self._streaming.sample_rate

    def pieces(self, kind: str, text: str) -> Iterator[Any]:
        """float32 [samples] as they come."""
        if kind == "piper-tts":
            yield from (chunk.audio_float_array for chunk in self._whole.synthesize(text))
        else:
            yield from (np.ravel(chunk.audio) for chunk in self._streaming.stream(text))


def answer(peers: Peers, line: str) -> dict[str, float]:
    kind, _, text = line.partition(" ")
    began, used = time.perf_counter(), time.process_time()
    first = 0.0
    audio: list[Any] = []
    for piece in peers.pieces(kind, text):
        first = first or time.perf_counter() - began
        audio.append(piece)
    cpu = time.process_time() - used
    samples = np.concatenate(audio)
    silent = int(np.argmax(np.abs(samples) > LOUD)) / peers.rate
    length = len(samples) / peers.rate
    return {"first_s": first, "sound_s": first + silent, "cpu_s": cpu, "audio_s": length}


def serve(network: Path) -> None:
    """Answers lines until there are no more."""
    peers = Peers(network)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(peers, line.rstrip("\n"))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
