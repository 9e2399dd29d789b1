"""What a stream of CosyVoice 2 computes against one decode, without a server.

    COSYVOICE_HOME=CHECKOUT python -m benchmarks.cosyvoice2_compute FOLDER ROUNDS

Runs in the environment of the models, with the files that `benchmarks.cosyvoice2_voice` writes;
writes one JSON line for each of CASES: processor time of the stream and at once, the least of
ROUNDS, how often the stream decodes, and the tokens that it reads, the recording's included.
"""

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

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


@dataclass(frozen=True, slots=True)
class Took:
    """The least processor time of a text, its pieces, and the tokens that all of them read."""

    seconds: float
    pieces: int
    read: int


def took(engine: "CosyVoiceEngine", seconds: int, rounds: int) -> Took:
    """Speaks a text in the voice of a recording of so many seconds."""
    from triton_backends.shared.contract import REFERENCE_RATE, TtsRequest

    times = np.arange(seconds * REFERENCE_RATE) / REFERENCE_RATE
    voice = (np.mod(times * 150, 1.0) * 8000).astype(np.int16)
    asked = TtsRequest(TEXT, language="en", reference_audio=voice, reference_text="What I say.")
    least, read = 1e9, []
    decode = engine.network.decode

    def counted(stream: Any, voice: Any, tokens: list[int], *rest: Any, **last: Any) -> Any:
        read.append(voice.tokens.shape[1] + len(tokens))
        return decode(stream, voice, tokens, *rest, **last)

    with patch.object(engine.network, "decode", counted):
        for number in range(rounds + 1):
            read.clear()
            began = time.process_time()
            for _ in engine.synthesize(asked):
                pass
            if number:  # the first encodes the recording
                least = min(least, time.process_time() - began)
    return Took(least, len(read), sum(read))


def main(folder: Path, rounds: int) -> None:
    from triton_backends.cosyvoice2.hops import FIRST
    from triton_backends.cosyvoice2.voicepack import load_engine
    from triton_backends.shared.parameters import Parameters

    def loaded(growth: int, first: int) -> Any:
        return load_engine(Parameters(given(growth, first)), folder)

    once = loaded(1, AT_ONCE)
    for seconds, growth in CASES:
        alone = took(once, seconds, rounds)
        streamed = took(loaded(growth, FIRST), seconds, rounds)
        line = {
            "stream_s": streamed.seconds,
            "once_s": alone.seconds,
            "pieces": streamed.pieces,
            "read": streamed.read / alone.read,
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
