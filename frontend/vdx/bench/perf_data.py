"""What perf_analyzer sends: clauses for a voice, recordings of people for a recogniser.

Needs nothing but Python: `python3 frontend/vdx/bench/perf_data.py FOLDER` writes voice.json and
recogniser.json, in perf_analyzer's input format. Each recording is one sequence of requests.
"""

import base64
import json
import sys
import wave
from pathlib import Path

CLAUSES = ("You said: go forward ten meters.", "What a day it was, and how well it ended.")
RECORDINGS = ("ps_goforward", "ps_something", "ps_cards_002")
PACKAGE = Path(__file__).resolve().parents[1]
RECORDED = (PACKAGE.parents[1] / "tests" / "data" / "audio", PACKAGE / "_data" / "recordings")
"""In a checkout and in an installed wheel; `vdx.core.paths` cannot be imported here."""
CHUNK_SAMPLES = 960
"""60 ms at 16 kHz, as vdx sends them."""


def voice_data() -> str:
    """One clause a request, one after the other."""
    return json.dumps({"data": [{"TEXT": [text]} for text in CLAUSES]})


def recogniser_data() -> str:
    """One recording a sequence, 60 ms a request; perf_analyzer sets START and END itself."""
    folder = next(filter(Path.is_dir, RECORDED))
    sequences = []
    for name in RECORDINGS:
        with wave.open(str(folder / f"{name}.wav")) as file:
            if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (16_000, 1, 2):
                raise ValueError(f"{name}.wav is not 16 kHz, mono, 16 bit")
            chunks = file.getnframes() // CHUNK_SAMPLES
            raw = [file.readframes(CHUNK_SAMPLES) for _ in range(chunks)]
        sequences.append([_request(chunk) for chunk in raw])
    return json.dumps({"data": sequences})


def _request(chunk: bytes) -> dict[str, object]:
    return {
        "AUDIO": {"content": {"b64": base64.b64encode(chunk).decode()}, "shape": [len(chunk) // 2]}
    }


def chunks_of_a_sequence() -> int:
    """How many requests a sequence has, on average."""
    sequences = json.loads(recogniser_data())["data"]
    return sum(map(len, sequences)) // len(sequences)


def lengths_ms() -> range:
    """How much audio a final transcript can be of: a recording, or what was sent of the last."""
    chunk_ms = CHUNK_SAMPLES // 16
    longest = max(map(len, json.loads(recogniser_data())["data"]))
    return range(chunk_ms, chunk_ms * longest + 1, chunk_ms)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "voice.json").write_text(voice_data(), encoding="utf-8")
    (folder / "recogniser.json").write_text(recogniser_data(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
