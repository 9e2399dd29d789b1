"""`vdx bench speech --table long`: the first sound of texts of 1,000 characters, over HTTP.

Prose, and what a model pastes into a reply: links, tokens, numbers and words that never end. Each
is asked for once and read to the end, because a reply that fails later has lost its rest.
"""

import asyncio
import base64
import hashlib
import http.client
import json
import time
from urllib.parse import urlsplit

from vdx.bench.client_process import Step
from vdx.bench.figures import Report
from vdx.bench.speech import PATH
from vdx.bench.target import Target

LENGTH = 1_000
REACH_MS = 400.0
PCM_RATE = 24_000
"""Samples a second of the format `pcm`."""
TIMEOUT_S = 300.0
WARM = "This is said first, so that the voice is warm."


def long_texts() -> dict[str, str]:
    """What each is, and the text."""
    hashes = [hashlib.sha256(bytes([n])).hexdigest() for n in range(20)]
    coded = base64.b64encode(b"".join(bytes.fromhex(each) for each in hashes * 3)).decode()
    texts = {
        "prose": "The train leaves in the morning, and we will be home before it is dark. " * 20,
        "prose without punctuation": "we walked along the river until it was dark and then " * 20,
        "a presigned link": f"See https://files.example.org/a?signature={'&part='.join(hashes)}",
        "base64": coded,
        "a token of three parts": f"{coded[:300]}.{coded[300:700]}.{coded[700:]}",
        "hashes": " ".join(hashes),
        "digits": "".join(str(int(each, 16)) for each in hashes),
        "one word": "abracadabra" * 100,
        "one Cyrillic word": "\u043f\u0440\u0438\u0432\u0435\u0442" * 200,
        "short lines": "\n".join(f"- line {n} of the list" for n in range(60)),
    }
    return {name: text[:LENGTH] for name, text in texts.items()}


async def measure(target: Target, voice: str, step: Step | None = None) -> Report:
    """Each text once; `voice` empty: the default one."""
    voice = voice or (await target.status())["voice"]
    report = Report("speech", {"table": "long", "voice": voice, "characters": LENGTH})
    await asyncio.to_thread(_ask, target, voice, WARM)
    all_first, failed = list[float](), 0
    for name, text in long_texts().items():
        first, seconds, error = await asyncio.to_thread(_ask, target, voice, text)
        failed += bool(error)
        if not error:
            all_first.append(first)
        sample = {"text": name, "first_ms": round(first, 1), "seconds": seconds, "error": error}
        report.samples.append(sample)
        if step is not None:
            step()
    report.add(f"first sound, {LENGTH} characters, {voice}", "ms", all_first, max=REACH_MS)
    report.add("failed replies", "replies", [failed], max=0)
    return report


def _ask(target: Target, voice: str, text: str) -> tuple[float, float, str]:
    """Milliseconds to the first sound, seconds of sound, and what went wrong."""
    body = json.dumps({"input": text, "voice": voice, "response_format": "pcm"})
    headers = {"Content-Type": "application/json"}
    if target.api_key:
        headers["Authorization"] = f"Bearer {target.api_key}"
    connection = http.client.HTTPConnection(urlsplit(target.url).netloc, timeout=TIMEOUT_S)
    began = time.perf_counter()
    try:
        connection.request("POST", PATH, body, headers)
        answer = connection.getresponse()
        if answer.status != 200:
            return 0.0, 0.0, answer.read().decode()
        first = answer.read(1)
        reached = (time.perf_counter() - began) * 1000
        size = len(first) + len(answer.read())
    except (http.client.HTTPException, OSError) as error:
        return 0.0, 0.0, f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    return reached, round(size / 2 / PCM_RATE, 1), "" if size else "no sound"
