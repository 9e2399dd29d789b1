"""Writes benchmarks/data/words.json: what is said in the benches' recordings, and when.

Run it in the environment of the models, after a recording was added or changed:

    .venv-triton/bin/python scripts/align_words.py

Word times come from pocketsphinx, made to align the text of the recording's README. `heard` is what
the recogniser makes of the recording up to the end of each word, decoded as in a conversation: the
speculative transcript of a pause there. Recorded once, so that the bench needs no recogniser.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from triton_backends.pocketsphinx.decoders import PocketsphinxDecoders  # noqa: E402
from triton_backends.pocketsphinx.engine import PocketsphinxEngine  # noqa: E402
from triton_backends.pocketsphinx.pool import DecoderPool  # noqa: E402
from triton_backends.shared.contract import AsrRequest  # noqa: E402

DATA = ROOT / "benchmarks" / "data"
RECORDINGS = (DATA, ROOT / "frontend" / "vdx" / "bench" / "data", ROOT / "tests" / "data" / "audio")
RATE, FRAME = 16_000, 320
SAID = {
    "ljspeech_0002": "in being comparatively modern",
    "ljspeech_0008": "has never been surpassed",
    "ps_cards_001": "ten of clubs",
    "ps_cards_002": "four queen of clubs",
    "ps_goforward": "go forward ten meters",
    "ps_librivox_0870": "and mister john dashwood had then leisure to consider how much there might"
    " be prudently in his power to do for them",
    "ps_librivox_0880": "he was not an ill disposed young man",
    "ps_librivox_0930": "he might even have been made amiable himself",
    "ps_something": "go somewhere and do something",
    "ps_tidigits_2934z": "two nine three four zero",
    "rhasspy_lamp": "turn on the living room lamp",
}
PAUSE_FRAMES = 3
"""Silence after which the recogniser is asked, as the detector does."""


def read(name: str) -> np.ndarray:
    import wave

    found = (folder / f"{name}.wav" for folder in RECORDINGS)
    with wave.open(str(next(filter(Path.exists, found)))) as file:
        if (file.getframerate(), file.getnchannels()) != (RATE, 1):
            raise SystemExit(f"{name} is not 16 kHz mono")
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def aligned(decoder: Any, pcm: np.ndarray, text: str) -> list[tuple[str, int, int]]:
    """Words with the ms at which they begin and end."""
    decoder.set_align_text(text)
    decoder.start_utt()
    decoder.process_raw(pcm.tobytes(), no_search=False, full_utt=True)
    decoder.end_utt()
    words = [
        (segment.word.split("(")[0], segment.start_frame * 10, (segment.end_frame + 1) * 10)
        for segment in decoder.seg()
        if segment.word[0] not in "<[+"
    ]
    decoder.activate_search("shared")
    if [word for word, _, _ in words] != text.split():
        raise SystemExit(f"cannot align {text!r}: got {words}")
    return words


def heard(engine: PocketsphinxEngine, pcm: np.ndarray) -> str:
    """The speculative transcript of `pcm`, sent 60 ms at a time."""
    empty = np.zeros(0, np.int16)
    utterance = engine.start(AsrRequest(empty))
    try:
        piece = 3 * FRAME
        whole = pcm[: pcm.size // FRAME * FRAME]
        for start in range(0, whole.size, piece):
            utterance.accept(whole[start : start + piece])
        return utterance.flush().text
    finally:
        utterance.close()


def main() -> None:
    decoders = PocketsphinxDecoders(max_hmms_per_frame=3000)
    pool = DecoderPool(decoders.build, size=2, ready=1)
    engine = PocketsphinxEngine(pool)
    aligner = decoders.build()
    noise = np.random.default_rng(0).normal(0, 20, PAUSE_FRAMES * FRAME).astype(np.int16)
    found = {}
    for name, text in SAID.items():
        pcm = read(name)
        words = []
        for word, start, end in aligned(aligner, pcm, text):
            prefix = np.concatenate([pcm[: end * RATE // 1000], noise])
            words.append({"word": word, "start": start, "end": end, "heard": heard(engine, prefix)})
        found[name] = words
        print(name, [entry["heard"] for entry in words])
    engine.close()
    file = DATA / "words.json"
    file.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
