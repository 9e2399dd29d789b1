"""What a stream of CosyVoice 2 computes against one decode, without a server.

    COSYVOICE_HOME=CHECKOUT python -m benchmarks.cosyvoice2_compute FOLDER ROUNDS

Runs in the environment of the models, with the files that `benchmarks.cosyvoice2_voice` writes;
writes one JSON line for each of CASES: processor time of the stream and at once, the least of
ROUNDS, and how often the stream decodes.
"""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from triton_backends.cosyvoice2.engine import CosyVoiceEngine

CASES = tuple((seconds, growth) for seconds in (3, 6) for growth in (1, 2, 4, 40))
"""Seconds of the recording whose voice it is, and how many times larger each hop is."""
TEXT = "Hello there, my."
FOR_EACH = 10
"""Tokens of sound for one of text, 16 of them: 6.4 s."""
AT_ONCE = 1000
"""A first hop that is longer than the text."""


def given(growth: int, first: int) -> dict[str, str]:
    return {
        "voicepack": ".",
        "trusted": "true",
        "seed": "3",
        "most_tokens_for_each": str(FOR_EACH),
        "first_hop": str(first),
        "hop_growth": str(growth),
        "largest_hop": str(AT_ONCE),
    }


def took(engine: "CosyVoiceEngine", seconds: int, rounds: int) -> tuple[float, int]:
    """The least processor time of a text, and the pieces of audio that it came in."""
    from triton_backends.shared.contract import REFERENCE_RATE, TtsRequest

    times = np.arange(seconds * REFERENCE_RATE) / REFERENCE_RATE
    voice = (np.mod(times * 150, 1.0) * 8000).astype(np.int16)
    asked = TtsRequest(TEXT, language="en", reference_audio=voice, reference_text="What I say.")
    least, pieces = 1e9, 0
    for number in range(rounds + 1):
        began = time.process_time()
        pieces = sum(chunk.pcm.size > 0 for chunk in engine.synthesize(asked))
        if number:  # the first encodes the recording
            least = min(least, time.process_time() - began)
    return least, pieces


def main(folder: Path, rounds: int) -> None:
    from triton_backends.cosyvoice2.hops import FIRST
    from triton_backends.cosyvoice2.voicepack import load_engine
    from triton_backends.shared.parameters import Parameters

    def loaded(growth: int, first: int) -> Any:
        return load_engine(Parameters(given(growth, first)), folder)

    once = loaded(1, AT_ONCE)
    for seconds, growth in CASES:
        alone, _ = took(once, seconds, rounds)
        streamed, pieces = took(loaded(growth, FIRST), seconds, rounds)
        line = {"stream_s": streamed, "once_s": alone, "pieces": pieces}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
