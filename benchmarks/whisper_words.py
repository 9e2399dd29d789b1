"""`python -m benchmarks whisper-words`: does streaming through Triton raise the word error rate?

The trained test model of a checkout transcribes its sentences, also in noise: streamed live, with
partials and a FLUSH at the pause, and run directly on the whole files.
"""

import asyncio
import json
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.whisper_lab import Lab, Wanted, lab
from vdx.bench.client_process import Step
from vdx.bench.figures import Report
from vdx.bench.word_errors import require_jiwer, word_error_rate
from vdx.core.audio import LISTEN_FRAME, LISTEN_RATE
from vdx.core.errors import SetupError, VdxError
from vdx.core.events import Pcm, TranscriptKind
from vdx.core.paths import locate

MODEL = "whisper-micro"
NOISE_DB = (None, 20, 10, 5)
"""Signal over noise; None is the recording as it is."""
LEAD_S, TAIL_S = 0.3, 0.1
PIECE = LISTEN_FRAME * 3
SAID = {
    "what_time_is_it": "what time is it",
    "turn_on_the_kitchen_light": "turn on the kitchen light",
    "i_will_be_home": "i will be home at seven o'clock",
    "set_a_timer": "please set a timer for ten minutes",
    "tell_me_a_story": "tell me a short story about a dog",
    "stop_talking": "stop talking please",
}


@dataclass(frozen=True, slots=True)
class Clip:
    file: Path
    pcm: Pcm
    text: str


async def measure(step: Step) -> Report:
    """Word error rates of both ways, in percent, and where they differ."""
    require_jiwer()
    data = locate().data / "tests" / "data"
    if not (data / "whisper-micro-int8").is_dir():
        raise SetupError("the test model lies in a checkout of vdx only")
    report = Report("whisper-words", {"noise_db": [n for n in NOISE_DB if n is not None]})
    wanted = Wanted(MODEL, folder=data / "whisper-micro-int8", parameters={"partial_ms": "500"})
    async with lab([wanted]) as found:
        clips = _clips(data / "whisper-speech", found.weights)
        direct = await _directly(found.weights / MODEL, clips)
        await found.client.load(MODEL)
        live: list[str] = []
        for at in range(0, len(clips), len(SAID)):  # as many utterances at once
            utterances = (_live(found, clip.pcm) for clip in clips[at : at + len(SAID)])
            live += await asyncio.gather(*utterances)
            step()
    texts = [clip.text for clip in clips]
    ways = {"whole files, directly": direct, "streamed live over Triton": live}
    rates = {way: word_error_rate(texts, heard) for way, heard in ways.items()}
    for way, rate in rates.items():
        report.add(f"word error rate, {way}", "%", [rate])
    difference = abs(rates["whole files, directly"] - rates["streamed live over Triton"])
    report.add("difference", "%", [difference], max=0)
    differing = sum(one != other for one, other in zip(direct, live, strict=True))
    report.notes.append(f"{differing} of {len(clips)} transcripts differ")
    return report


def _clips(speech: Path, folder: Path) -> list[Clip]:
    """The sentences between silences, in several noises, also as files."""
    random, clips = np.random.default_rng(0), list[Clip]()
    for decibels in NOISE_DB:
        for name, text in SAID.items():
            clean, _ = soundfile.read(speech / f"{name}.wav", dtype="float64")
            pad = (int(LEAD_S * LISTEN_RATE), int(TAIL_S * LISTEN_RATE))
            audio = np.pad(clean, pad)
            if decibels is not None:
                level = np.sqrt(np.mean(np.square(clean))) * 10 ** (-decibels / 20)
                audio = audio + random.normal(0, level, audio.size)
            whole = audio[: audio.size // LISTEN_FRAME * LISTEN_FRAME]
            pcm = (whole * 32767).clip(-32768, 32767).astype(np.int16)
            file = folder / f"{name}-{decibels}.wav"
            soundfile.write(file, pcm, LISTEN_RATE)
            clips.append(Clip(file, pcm, text))
    return clips


async def _directly(model: Path, clips: list[Clip]) -> list[str]:
    script = Path(__file__).parent / "whisper_direct.py"
    process = await asyncio.create_subprocess_exec(
        *(locate().triton_python, script, model, *(clip.file for clip in clips)),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    if process.returncode:
        raise VdxError("the model does not run directly", service="bench")
    return list(json.loads(out))


async def _live(found: Lab, pcm: Pcm) -> str:
    """At the speed of speech, as the frontend does it: FLUSH at the pause, then END."""
    async with found.client.recognise(MODEL, language="en") as stream:
        for at in range(0, pcm.size, PIECE):
            await stream.send(pcm[at : at + PIECE].tobytes())
            await asyncio.sleep(PIECE / LISTEN_RATE)
        await stream.send(b"", flush=True)
        await stream.send(b"", end=True)
        async with aclosing(aiter(stream)) as transcripts:
            async for heard in transcripts:
                if heard.kind is TranscriptKind.FINAL:
                    return heard.text
    raise VdxError(f"{MODEL} sent no final transcript", service="bench")
