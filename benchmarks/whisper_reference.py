"""faster-whisper, one window after the other, timed in a process of its own.

    python -m benchmarks.whisper_reference MODEL_FOLDER RECORDING

prints `{"seconds": …, "words": …}`. Run by `python -m benchmarks whisper-file`; needs the package
faster-whisper, which nothing else of vdx does.
"""

import json
import os
import sys
import time
from typing import Any


def main(model: str, recording: str) -> None:
    """Greedy, without fallbacks and without the words' times: the least work it can do."""
    import soundfile
    from faster_whisper import WhisperModel

    audio, rate = soundfile.read(recording, dtype="float32")
    if rate != 16_000:
        raise ValueError(f"{recording} has {rate} Hz")
    whisper: Any = WhisperModel(model, compute_type="int8", cpu_threads=os.cpu_count() or 1)
    began = time.perf_counter()
    segments, _ = whisper.transcribe(
        audio,
        language="en",
        beam_size=1,
        temperature=0.0,
        compression_ratio_threshold=None,
        log_prob_threshold=None,
        no_speech_threshold=None,
        condition_on_previous_text=False,
        without_timestamps=True,
        vad_filter=False,
    )
    words = sum(len(segment.text.split()) for segment in segments)
    print(json.dumps({"seconds": time.perf_counter() - began, "words": words}))


if __name__ == "__main__":
    main(*sys.argv[1:])
