"""`vdx bench speech`: from a request to the first byte of its speech, over HTTP.

Measured at the client, on a connection that is already open, from before the request is written to
after the first byte of the body is read. Headers alone do not count: vdx sends them with the first
sound.
"""

import asyncio
import http.client
import json
import time
from urllib.parse import urlsplit

from vdx.bench.client_process import Step
from vdx.bench.figures import Report
from vdx.bench.target import Target
from vdx.core.errors import VdxError

TEXT = "You said: go forward ten meters. And then, after a while, turn back and stop."
FORMATS = ("pcm", "wav", "mp3", "opus", "aac")
PATH = "/v1/audio/speech"
REACH_MS = 25.0
PAUSE_S = 0.02
WARM = 3


async def measure(target: Target, voice: str, rounds: int, step: Step | None = None) -> Report:
    """`rounds` requests for each format, one after the other."""
    report = Report("speech", {"rounds": rounds, "voice": voice, "text": TEXT})
    for form in FORMATS:
        first, whole = await asyncio.to_thread(_ask, target, voice, form, rounds, step)
        report.add(f"request to the first byte, {voice}, {form}", "ms", first, p95=REACH_MS)
        report.add(f"request to the last byte, {voice}, {form}", "ms", whole)
    return report


def _ask(
    target: Target, voice: str, form: str, rounds: int, step: Step | None
) -> tuple[list[float], list[float]]:
    body = json.dumps({"input": TEXT, "voice": voice, "response_format": form})
    headers = {"Content-Type": "application/json"}
    if target.api_key:
        headers["Authorization"] = f"Bearer {target.api_key}"
    connection = http.client.HTTPConnection(urlsplit(target.url).netloc, timeout=30)
    first, whole = list[float](), list[float]()
    try:
        for number in range(rounds + WARM):
            began = time.perf_counter()
            connection.request("POST", PATH, body, headers)
            answer = connection.getresponse()
            if answer.status != 200:
                raise VdxError(f"{PATH} answered {answer.read().decode()}", service="bench")
            answer.read(1)
            reached = time.perf_counter()
            answer.read()
            if number >= WARM:
                first.append((reached - began) * 1000)
                whole.append((time.perf_counter() - began) * 1000)
                if step is not None:
                    step()
            time.sleep(PAUSE_S)
    finally:
        connection.close()
    return first, whole
