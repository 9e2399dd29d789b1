"""`vdx bench words`: how many words are heard wrong, of people and of the machine's own speech.

People: each bundled recording whose words are known, transcribed over HTTP. The machine: fifty
replies (`data/replies.txt`) spoken by the default voice and transcribed back by the default
recogniser, which counts the faults of both. Case, punctuation and how numbers are written do not
count (`normalised`). Texts with numbers and signs are measured by `vdx bench speech --table texts`.
"""

import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from vdx.bench.client_process import Step
from vdx.bench.clips import recording
from vdx.bench.figures import Report
from vdx.bench.reference_transcripts import REFERENCE_TRANSCRIPTS
from vdx.bench.target import DATA, Target
from vdx.bench.word_errors import word_error_rate

if TYPE_CHECKING:
    from openai import AsyncOpenAI

ABBREVIATIONS = {"mr": "mister", "mrs": "missus", "dr": "doctor", "st": "saint", "ok": "okay"}
SPELLED_DIGITS = 3
"""A number of so many digits or more is taken for digits that were said one by one."""
REACH_HEARD, REACH_SPOKEN = 10.0, 6.0


def replies() -> list[str]:
    """What the machine says, one sentence each."""
    return (DATA / "replies.txt").read_text(encoding="utf-8").splitlines()


def normalised(text: str) -> str:
    """Lower case, without punctuation, numbers as English words."""
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text.lower()).replace("-", " ")
    words = re.findall(
        r"\d+|[^\W\d_]+(?:'[^\W\d_]+)*", text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    )
    return " ".join(ABBREVIATIONS.get(word, word) for each in words for word in _said(each))


def _said(word: str) -> list[str]:
    import inflect

    if not word.isdecimal():
        return [word]
    digits = list(word) if len(word) >= SPELLED_DIGITS else [word]
    spoken = [str(inflect.engine().number_to_words(each)) for each in digits]
    return " ".join(spoken).replace("-", " ").split()


async def measure(
    target: Target, step: Step | None = None, spoken: int | None = None, recogniser: str = ""
) -> Report:
    """Each recording and the first `spoken` replies (None: all) once, in order.

    `recogniser` is a model of the server; without one it is the server's default.
    """
    status = await target.status()
    voice, recogniser = status["voice"], recogniser or status["recogniser"]
    report = Report("words", {"voice": voice, "recogniser": recogniser})
    kinds = ("people", "replies")
    said = {kind: list[str]() for kind in kinds}
    heard = {kind: list[str]() for kind in kinds}
    async with openai_client(target) as client:
        async for kind, text, audio in _sounds(client, voice, spoken):
            told = await client.audio.transcriptions.create(
                model=recogniser, file=("speech.wav", audio)
            )
            said[kind].append(normalised(text))
            heard[kind].append(normalised(told.text))
            report.samples.append({"kind": kind, "said": text, "heard": told.text})
            if step is not None:
                step()
    for kind, name, reach in (
        ("people", "words of people heard wrong", REACH_HEARD),
        ("replies", "words of spoken replies heard wrong", REACH_SPOKEN),
    ):
        if not said[kind]:
            continue
        rate = word_error_rate(said[kind], heard[kind])
        report.add(f"{name}, {len(said[kind])} texts", "%", [round(rate, 1)], max=reach)
    return report


def openai_client(target: Target) -> "AsyncOpenAI":
    """The library's client of a server."""
    from openai import AsyncOpenAI

    key = target.api_key or "none"
    return AsyncOpenAI(api_key=key, base_url=f"{target.url}/v1", max_retries=0)


async def _sounds(
    client: "AsyncOpenAI", voice: str, most: int | None
) -> AsyncIterator[tuple[str, str, Any]]:
    """Kind, text and WAV file of everything that is said; of replies at most so many."""
    for name, text in REFERENCE_TRANSCRIPTS.items():
        yield "people", text, recording(name).read_bytes()
    for text in replies()[:most]:
        answer = await client.audio.speech.create(
            model=voice, voice=voice, input=text, response_format="wav"
        )
        yield "replies", text, answer.content
