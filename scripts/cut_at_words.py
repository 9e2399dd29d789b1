#!/usr/bin/env python
"""Writes 200 cuts of the bundled recordings at word boundaries, for `vdx bench transcriptions`.

    .venv-triton/bin/python scripts/cut_at_words.py > frontend/vdx/bench/data/cuts.tsv

The boundaries are those of pocketsphinx's forced alignment of the words that are known. A cut lasts
0.3 to 3 s; which ones are taken is drawn with a fixed seed, so that the same file comes out.
"""

import random
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "frontend"))

from vdx.bench.reference_transcripts import REFERENCE_TRANSCRIPTS  # noqa: E402

AUDIO = ROOT / "tests" / "data" / "audio"
RECORDINGS = {
    name: words for name, words in REFERENCE_TRANSCRIPTS.items() if name.startswith("ps_")
}
"""Those of 16 kHz."""
SHORTEST_MS, LONGEST_MS = 300, 3_000
COUNT, SEED = 200, 16
FRAME_MS = 10
SOUNDS = {"dashwood": "D AE SH W UH D"}
"""Words that pocketsphinx's dictionary lacks."""


def aligned(name: str) -> list[tuple[str, int, int]]:
    """Each word of a recording with its start and end in ms."""
    import pocketsphinx

    decoder: Any = pocketsphinx.Decoder(loglevel="FATAL")
    for word, phones in SOUNDS.items():
        if decoder.lookup_word(word) is None:
            decoder.add_word(word, phones, update=True)
    decoder.set_align_text(RECORDINGS[name])
    with wave.open(str(AUDIO / f"{name}.wav")) as file:
        pcm = file.readframes(file.getnframes())
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    found = [s for s in decoder.seg() if not s.word.startswith(("<", "("))]
    return [
        (s.word.partition("(")[0], s.start_frame * FRAME_MS, (s.end_frame + 1) * FRAME_MS)
        for s in found
    ]


def cuts() -> Iterator[tuple[str, int, int, str]]:
    """Every run of words that lasts neither too short nor too long."""
    for name in RECORDINGS:
        words = aligned(name)
        for first in range(len(words)):
            for last in range(first, len(words)):
                start, end = words[first][1], words[last][2]
                if SHORTEST_MS <= end - start <= LONGEST_MS:
                    said = " ".join(word for word, _, _ in words[first : last + 1])
                    yield name, start, end, said


def main() -> None:
    """Writes the file to standard output."""
    every = list(cuts())
    chosen = sorted(random.Random(SEED).sample(every, COUNT))  # noqa: S311
    sys.stdout.write("recording\tstart_ms\tend_ms\twords\n")
    sys.stdout.writelines("\t".join(map(str, cut)) + "\n" for cut in chosen)


if __name__ == "__main__":
    main()
