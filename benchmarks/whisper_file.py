"""`python -m benchmarks whisper-file`: a long recording, compared with faster-whisper.

Both have the network of Whisper base and say the same number of words: vdx cuts the recording at
its pauses and decodes several stretches as one batch, with the times of the words;
faster-whisper goes through windows of 30 s one after the other, without them.
"""

import asyncio
import importlib.util
import json
import math
import sys
import time
from contextlib import aclosing
from pathlib import Path

from benchmarks.whisper import speech
from benchmarks.whisper_lab import Lab, Wanted, lab, made
from vdx.batch.files import TranscriptionOptions, transcribe
from vdx.batch.recording import Recording
from vdx.bench.client_process import Step
from vdx.bench.figures import Report
from vdx.core.audio import LISTEN_RATE
from vdx.core.config import VadConfig
from vdx.core.errors import VdxError

REACH = 2.0
WORDS_PER_SECOND = 3
MOST_WORDS = 440
WINDOW_S = 30
MODEL = "base"
TIMEOUT_S = 900


async def measure(minutes: float, python: Path | None, step: Step) -> Report:
    """`python` has faster-whisper; None takes this one if it has."""
    import soundfile

    report = Report("whisper-file", {"minutes": minutes, "size": "base"})
    rate = {"max_tokens_per_second": str(WORDS_PER_SECOND)}
    async with lab([Wanted(MODEL, "base", MOST_WORDS, parameters=rate)]) as found:
        file = found.weights / "recording.wav"
        pcm = speech(minutes * 60)
        soundfile.write(file, pcm, LISTEN_RATE)
        await found.client.load(MODEL)
        took, words = await _written_down(found, file)
        step()
        await found.client.unload(MODEL)
        report.add("vdx, words with times", "s", [took])
        report.add("real-time factor", "", [took / (minutes * 60)])
        reference = _reference(python)
        if reference is None:
            report.notes.append("faster-whisper is not there: `make bench` installs it")
            return report
        windows = math.ceil(minutes * 60 / WINDOW_S)
        await made("base", found.weights / "same", words // windows)
        other = await _timed(reference, found.weights / "same", file)
        step()
    report.add("faster-whisper, one after the other", "s", [other["seconds"]])
    report.add("times faster (at least 2)", "", [other["seconds"] / took])
    report.add("vdx over faster-whisper", "", [took / other["seconds"]], max=1 / REACH)
    report.notes.append(f"words said: vdx {words}, faster-whisper {other['words']:.0f}")
    return report


async def _written_down(found: Lab, file: Path) -> tuple[float, int]:
    """Seconds and words of `vdx transcribe`'s own code over the recording."""
    began, words = time.perf_counter(), 0
    with Recording(file) as recording:
        segments = transcribe(
            found.client, MODEL, recording, VadConfig(), options=TranscriptionOptions("en")
        )
        async with aclosing(segments):
            async for segment in segments:
                words += len(segment.words)
    return time.perf_counter() - began, words


def _reference(python: Path | None) -> Path | None:
    """An interpreter that has faster-whisper."""
    if python is not None:
        return python
    here = importlib.util.find_spec("faster_whisper") is not None
    return Path(sys.executable) if here else None


async def _timed(python: Path, model: Path, file: Path) -> dict[str, float]:
    script = Path(__file__).parent / "whisper_reference.py"
    process = await asyncio.create_subprocess_exec(
        *(python, script, model, file),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            out, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        last = said.decode(errors="replace")[-500:]
        raise VdxError(f"faster-whisper failed: {last}", service="bench")
    return {key: float(value) for key, value in json.loads(out).items()}
