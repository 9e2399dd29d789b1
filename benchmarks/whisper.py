"""`python -m benchmarks whisper`: time to the final transcript, CPU and memory.

The networks are those of the released models with random weights; they emit a given
number of words, so the work is that of a real transcript of that length.
"""

import asyncio
import contextlib
import os
import time
from contextlib import aclosing

import numpy as np

from benchmarks.whisper_lab import Lab, Wanted, lab
from vdx.bench.client_process import Step
from vdx.bench.clips import clip
from vdx.bench.figures import Report
from vdx.bench.procfs import own_kb
from vdx.core.audio import LISTEN_FRAME, LISTEN_RATE
from vdx.core.errors import VdxError
from vdx.core.events import Pcm, TranscriptKind
from vdx.serving.triton import RecognitionStream, TritonClient

REACH_S = {"tiny": 0.35, "base": 0.6, "small": 1.0}
"""End of speech to the final transcript, 300 ms of silence included."""
TOKENS = 15
RTF_REACH = 0.09
UTTERANCE_S = 5
PIECE = LISTEN_FRAME * 3
NOTICED_S = 0.06
"""From the last speech frame to the FLUSH: three frames, see `vdx bench turn`."""
DECIDED_S = 0.3
SETTLE_S = 0.3
CROWD = 20


def speech(seconds: float) -> Pcm:
    """A read text, int16 16 kHz mono."""
    names = ("ps_librivox_0930", "ps_librivox_0880")
    pcm = np.concatenate([clip(name, LISTEN_RATE).pcm for name in names])
    wanted = int(seconds * LISTEN_RATE) // LISTEN_FRAME * LISTEN_FRAME
    return np.resize(pcm, wanted)


async def measure(sizes: list[str], rounds: int, step: Step) -> Report:
    """`rounds` utterances to each size: alone, then with the partial transcripts of live use."""
    report = Report("whisper", {"rounds": rounds, "sizes": sizes, "tokens": TOKENS})
    wanted = [
        Wanted(f"{size}-{kind}", size, TOKENS, parameters=parameters)
        for size in sizes
        for kind, parameters in (("plain", {"partial_ms": "0"}), ("live", {}))
    ]
    async with lab(wanted) as found:
        for size in sizes:
            await _measure_size(found, size, rounds, report, step)
    report.notes.append("plain: no partials, all 15 tokens are decoded at the pause")
    report.notes.append("live: partials every second, on which the last decode builds")
    report.notes.append(f"FLUSH {NOTICED_S * 1000:.0f} ms after the last speech frame")
    return report


async def _measure_size(found: Lab, size: str, rounds: int, report: Report, step: Step) -> None:
    pcm = speech(UTTERANCE_S)
    for kind in ("plain", "live"):
        model = f"{size}-{kind}"
        await found.client.load(model)
        finals, factors = [], []
        for _ in range(rounds):
            final_s, decode_s = await _utter(found.client, model, pcm)
            finals.append(final_s)
            factors.append(decode_s / UTTERANCE_S)
            step()
        reach = {"median": REACH_S[size]} if size in REACH_S and kind == "plain" else {}
        report.add(f"{size} {kind}: end of speech to final", "s", finals, **reach)
        if kind == "plain":
            limit = {"median": RTF_REACH} if size == "base" else {}
            report.add(f"{size}: real-time factor, 5 s in a 10 s window", "", factors, **limit)
            await _measure_memory(found, model, report)
        await found.client.unload(model)


async def _utter(client: TritonClient, model: str, pcm: Pcm) -> tuple[float, float]:
    """Seconds from the end of speech to the final, and from the FLUSH to its answer."""
    async with client.recognise(model, language="en") as stream:
        began = time.perf_counter()
        for at in range(0, pcm.size, PIECE):
            piece = pcm[at : at + PIECE]
            await _until(began + (at + piece.size) / LISTEN_RATE)
            await stream.send(piece.tobytes())
        spoken = began + pcm.size / LISTEN_RATE
        await _until(spoken + NOTICED_S)
        flushed = time.perf_counter()
        await stream.send(b"", flush=True)
        ending = asyncio.create_task(_end(stream, spoken + DECIDED_S), name="end")
        answered = 0.0
        async with aclosing(aiter(stream)) as transcripts:
            async for heard in transcripts:
                if heard.kind is TranscriptKind.PAUSE:
                    answered = time.perf_counter()
                elif heard.kind is TranscriptKind.FINAL:
                    await ending
                    _check(model, heard.text)
                    return time.perf_counter() - spoken, answered - flushed
    raise VdxError(f"{model} sent no final transcript", service="bench")


async def _end(stream: RecognitionStream, when: float) -> None:
    await _until(when)
    await stream.send(b"", end=True)


async def _keep_alive(stream: RecognitionStream, leave: asyncio.Event) -> None:
    """Sends a frame of silence a second: Triton frees sequences that send nothing."""
    while not leave.is_set():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await leave.wait()
        if not leave.is_set():
            await stream.send(bytes(2 * LISTEN_FRAME))


def _check(model: str, text: str) -> None:
    if len(text.split()) != TOKENS:
        raise VdxError(f"{model} said {text!r}, not {TOKENS} words", service="bench")


async def _until(when: float) -> None:
    await asyncio.sleep(max(0.0, when - time.perf_counter()))


async def _measure_memory(found: Lab, model: str, report: Report) -> None:
    """Memory of Triton's processes with one session and with twenty, each decoded once."""
    root = found.triton.pid or os.getpid()
    figures = [
        await _listening(found.client, model, root, sessions) for sessions in (1, CROWD, 1, CROWD)
    ]
    one, many = figures[2], figures[3]
    report.add(f"{model}: memory with 1 session", "MB", [one / 1024])
    report.add(f"{model}: memory with {CROWD} sessions", "MB", [many / 1024], max=one / 1024 * 1.03)


async def _listening(client: TritonClient, model: str, root: int, sessions: int) -> float:
    """kB while so many utterances are open, each of which has been decoded once."""
    pcm = speech(2.0).tobytes()
    ready, leave, turn = asyncio.Semaphore(0), asyncio.Event(), asyncio.Lock()

    async def attend() -> None:
        async with (
            client.recognise(model, language="en") as stream,
            asyncio.TaskGroup() as alive,
        ):
            await stream.send(pcm)
            alive.create_task(_keep_alive(stream, leave), name="keep-alive")
            await turn.acquire()  # one at a time: a batch needs more room for its work
            await stream.send(b"", flush=True)
            async with aclosing(aiter(stream)) as transcripts:
                async for heard in transcripts:
                    if heard.kind is TranscriptKind.PAUSE:
                        turn.release()
                        ready.release()
                        await leave.wait()
                        await stream.send(b"", end=True)
                    elif heard.kind is TranscriptKind.FINAL:
                        return

    async with asyncio.TaskGroup() as group:
        for _ in range(sessions):
            group.create_task(attend(), name="attend")
        for _ in range(sessions):
            await ready.acquire()
        await asyncio.sleep(SETTLE_S)
        used = own_kb(root)
        leave.set()
    return float(used)
