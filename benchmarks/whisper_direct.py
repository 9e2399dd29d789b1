"""Runs a Whisper model directly: CTranslate2 over whole recordings, without vdx.

    .venv-triton/bin/python benchmarks/whisper_direct.py MODEL_FOLDER FILE.wav ...

prints a JSON list of what the recordings say. Runs in the environment of the models.
"""

import json
import sys
import wave
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))


def transcripts(folder: Path, files: list[str]) -> list[str]:
    """One greedy decode of each file (16 kHz mono), padded to the model's own window."""
    import ctranslate2
    import numpy as np
    from tokenizers import Tokenizer

    from triton_backends.whisper.mel import LogMel

    model = ctranslate2.models.Whisper(str(folder), compute_type="int8", intra_threads=1)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    window = json.loads((folder / "preprocessor_config.json").read_text())["chunk_length"] * 100
    start, end = (tokenizer.token_to_id(f"<|{n}|>") for n in ("startoftranscript", "endoftext"))
    prompt = [start, tokenizer.token_to_id("<|notimestamps|>")]
    said = []
    for file in files:
        with wave.open(file) as audio:
            pcm = np.frombuffer(audio.readframes(audio.getnframes()), np.int16)
        samples = np.divide(pcm, 32768, dtype=np.float32)
        features = LogMel(model.n_mels)(samples, window)[None]
        view = ctranslate2.StorageView.from_array(features)
        result = model.generate(view, [prompt], beam_size=1)[0]
        said.append(tokenizer.decode([t for t in result.sequences_ids[0] if t < end]).strip())
    return said


if __name__ == "__main__":
    print(json.dumps(transcripts(Path(sys.argv[1]), sys.argv[2:])))
