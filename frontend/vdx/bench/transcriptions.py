"""`vdx bench transcriptions`: a recording over HTTP against the recogniser run directly.

Directly means: pocketsphinx in a process of its own, with the options of the served model, given
the same 16 kHz samples whole. Both are timed from the samples being there to the text being there;
the words of both are compared with those of the other. The recordings are the bundled ones put one
after the other, so that there is enough to do.
"""

import io
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np

from vdx.bench.client_process import Step
from vdx.bench.figures import Report
from vdx.bench.line_program import line_program
from vdx.bench.target import Target
from vdx.bench.word_errors import word_error_rate
from vdx.core.audio import LISTEN_RATE, SAMPLE_BYTES
from vdx.core.paths import locate

MODEL = "pocketsphinx-en"
CLIPS = {
    "ps_goforward": "go forward ten meters",
    "ps_something": "go somewhere and do something",
    "ps_librivox_0880": "he was not an ill disposed young man",
    "ps_librivox_0930": "he might even have been made amiable himself",
    "ps_cards_002": "four queen of clubs",
}
GAP_S = 0.7
REPEATS = 3
REACH = 1.05
"""Times the recogniser run directly."""
DIRECT = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
from triton_backends.pocketsphinx.decoders import PocketsphinxDecoders
decoder = PocketsphinxDecoders(int(sys.argv[2])).build()
for line in sys.stdin:
    pcm = open(line.strip(), "rb").read()
    began = time.perf_counter()
    decoder.start_utt()
    decoder.process_raw(pcm, no_search=False, full_utt=True)
    decoder.end_utt()
    heard = decoder.hyp()
    took = time.perf_counter() - began
    print(json.dumps({"text": heard.hypstr if heard else "", "took": took}), flush=True)
"""
MAX_HMMS = 3_000
"""The served model's `max_hmms_per_frame`."""


async def measure(target: Target, rounds: int, step: Step | None = None) -> Report:
    """`rounds` times over HTTP and directly, by turns."""
    import tempfile

    pcm, said = _recording()
    report = Report("transcriptions", {"rounds": rounds, "seconds": pcm.size / LISTEN_RATE})
    served, direct, ratios = list[float](), list[float](), list[float]()
    heard = {"served": "", "direct": ""}
    with tempfile.TemporaryDirectory(prefix="vdx-bench-") as folder:
        raw = Path(folder) / "all.raw"
        raw.write_bytes(pcm.tobytes())
        async with line_program(*_directly()) as ask:
            await ask(str(raw))  # warm, as the served one is
            await _served(target, pcm)
            for _ in range(rounds):
                alone = await ask(str(raw))
                text, took = await _served(target, pcm)
                heard = {"served": text, "direct": alone["text"]}
                served.append(took * 1000)
                direct.append(alone["took"] * 1000)
                ratios.append(took / alone["took"])
                if step is not None:
                    step()
    report.add("over HTTP", "ms", served)
    report.add("the recogniser directly", "ms", direct)
    report.add("over HTTP / directly", "times", ratios, median=REACH)
    for how, text in heard.items():
        report.add(f"word error rate, {how}", "%", [word_error_rate([said], [text])])
    report.samples = [heard | {"said": said}]
    return report


def _recording() -> tuple[np.ndarray[Any, np.dtype[np.int16]], str]:
    from vdx.bench.clips import clip

    silence = np.random.default_rng(1).integers(-20, 20, int(GAP_S * LISTEN_RATE)).astype(np.int16)
    parts = [silence]
    for name in (*CLIPS,) * REPEATS:
        parts += [clip(name, LISTEN_RATE).pcm, silence]
    return np.concatenate(parts), " ".join((*CLIPS.values(),) * REPEATS)


def _directly() -> list[str | Path]:
    """pocketsphinx in the environment of the models, without Triton: text and seconds."""
    paths = locate()
    return [paths.triton_python, "-c", DIRECT, str(paths.triton_backends.parent), str(MAX_HMMS)]


async def _served(target: Target, pcm: np.ndarray[Any, np.dtype[np.int16]]) -> tuple[str, float]:
    """Text and seconds, through the official library, as a program would ask."""
    from openai import AsyncOpenAI

    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, SAMPLE_BYTES, LISTEN_RATE, pcm.size, "NONE", ""))
        out.writeframes(pcm.tobytes())
    base_url, key = f"{target.url}/v1", target.api_key or "none"
    async with AsyncOpenAI(api_key=key, base_url=base_url, max_retries=0) as client:
        began = time.perf_counter()
        heard = await client.audio.transcriptions.create(
            model=MODEL, file=("all.wav", file.getvalue())
        )
        return heard.text, time.perf_counter() - began
