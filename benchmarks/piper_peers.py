"""`python -m benchmarks piper-peers`: a released voice over HTTP, beside two libraries.

The same texts and the same voice in vdx (`POST /v1/audio/speech`, raw PCM), in piper-tts, which
computes a sentence at once, and in streaming-vits, calibrated for this machine. Requests alternate.
The first sound counts leading silence: a player begins with the first byte.
"""

import asyncio
import contextlib
import http.client
import json
import shutil
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from vdx.bench.client_process import Step
from vdx.bench.figures import Report
from vdx.bench.line_program import Ask, line_program
from vdx.bench.target import Target
from vdx.core.errors import SetupError
from vdx.core.paths import locate
from vdx.core.threads import in_thread

VOICE = "en_US-joe-medium"
RATE = 24_000
TEXTS = {
    15: "The meeting starts at nine and we will talk about the new plan for spring.",
    39: (
        "Yesterday afternoon the engineers explained to a large audience why the temporary bridge "
        "across the northern harbour would remain closed until the middle of September, although "
        "most of the repairs had already been completed several weeks earlier than expected."
    ),
}
"""By number of words; each is one sentence."""
REACH = {"piper-tts": {15: 3.5, 39: 10.0}, "streaming-vits": {15: 1.8, 39: 3.0}}
LOUD = 0.01
PAUSE_S = 0.1
"""Between runs: threads of an onnxruntime session spin for a while after one."""
HERE = Path(__file__).parent


async def measure(target: Target, python: Path, rounds: int, step: Step) -> Report:
    """`rounds` of each text each way; `python` has piper-tts and streaming-vits.

    Raises SetupError where the voice or the libraries are not there.
    """
    report = Report("piper-peers", {"rounds": rounds, "voice": VOICE})
    with tempfile.TemporaryDirectory(prefix="vdx-bench-") as folder:
        network = await in_thread(_copied_voice, Path(folder))
        program = (python, "-I", HERE / "piper_peers_compute.py", network)
        async with line_program(*program) as ask:
            for words, text in TEXTS.items():
                found = await _rounds(target, ask, text, rounds, step)
                _add(report, words, found)
    return report


def _copied_voice(folder: Path) -> Path:
    """streaming-vits writes beside the network."""
    voice = locate().home / "voicepacks" / "piper" / VOICE
    if not voice.is_dir():
        raise SetupError("the voice is not here; run: vdx setup")
    shutil.copytree(voice, folder / VOICE)
    return folder / VOICE / f"{VOICE}.onnx"


async def _rounds(
    target: Target, ask: Ask, text: str, rounds: int, step: Step
) -> dict[str, list[float]]:
    """Milliseconds to the first sound, by who speaks."""
    found: dict[str, list[float]] = {"vdx": [], **{peer: [] for peer in REACH}}
    for number in range(rounds + 1):
        ours = await asyncio.to_thread(_over_http, target, text)
        await asyncio.sleep(PAUSE_S)
        each = {"vdx": ours}
        for peer in REACH:
            each[peer] = (await ask(f"{peer} {text}"))["sound_s"]
            await asyncio.sleep(PAUSE_S)
        if number:  # the first one plans the networks
            for name, seconds in each.items():
                found[name].append(seconds * 1000)
            step()
    return found


def _add(report: Report, words: int, found: dict[str, list[float]]) -> None:
    for name, times in found.items():
        report.add(f"{words} words, first sound, {name}", "ms", times)
    for peer, reach in REACH.items():
        ratio = float(np.median(found[peer]) / np.median(found["vdx"]))
        report.add(f"{words} words, vdx sooner than {peer}", "times", [ratio], min=reach[words])


def _over_http(target: Target, text: str) -> float:
    """Seconds from the request to the first sound of a player that starts with the first byte."""
    body = json.dumps({"input": text, "voice": VOICE, "response_format": "pcm"})
    headers = {"Content-Type": "application/json"}
    if target.api_key:
        headers["Authorization"] = f"Bearer {target.api_key}"
    connection = http.client.HTTPConnection(urlsplit(target.url).netloc, timeout=30)
    with contextlib.closing(connection):
        connection.connect()
        began = time.perf_counter()
        connection.request("POST", "/v1/audio/speech", body, headers)
        answer = connection.getresponse()
        first_byte = answer.read(1)
        first = time.perf_counter() - began
        pcm = first_byte + answer.read()
    if answer.status != 200:
        raise SetupError(f"/v1/audio/speech answered {pcm.decode()}")
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2") / 32768
    return first + int(np.argmax(np.abs(samples) > LOUD)) / RATE
