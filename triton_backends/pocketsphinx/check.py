"""Loads a vocabulary once and says what is wrong with it, or how long it took.

`python -m triton_backends.pocketsphinx.check --grammar menu.jsgf` prints one JSON object:
{"pronunciations": int, "read_ms": float, "decoder_ms": float}, or {"error": str} with status 1.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from triton_backends.pocketsphinx.decoders import PocketsphinxDecoders, Vocabulary
from triton_backends.shared.errors import BackendError

MAX_HMMS = 3000


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("grammar", "language-model", "sentences", "dictionary"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--whole-dictionary", action="store_true", help="do not prune it")
    given = vars(parser.parse_args())
    whole = given.pop("whole_dictionary")
    began = time.perf_counter()
    try:
        decoders = PocketsphinxDecoders(MAX_HMMS, Vocabulary(**given), prune=not whole)
        read = time.perf_counter()
        decoders.build()
    except BackendError as error:
        print(json.dumps({"error": str(error).removeprefix(f"[{error.code}] ")}))
        return 1
    found = {
        "pronunciations": decoders.pronunciations,
        "read_ms": round((read - began) * 1000, 1),
        "decoder_ms": round((time.perf_counter() - read) * 1000, 1),
    }
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
