"""`vdx bench words`: how many words are heard wrong, of people and of the machine's own speech.

People: each bundled recording whose words are known, transcribed over HTTP. The machine: fifty
replies (`data/replies.txt`) spoken by the default voice and transcribed back by the default
recogniser, which counts the faults of both; so are the English texts with numbers, signs and
abbreviations of `data/spoken_texts.tsv`. Case, punctuation and how numbers are written do not count
(`normalised`).
"""

import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from vdx.bench.client_process import Step
from vdx.bench.clips import recording
from vdx.bench.figures import Report
from vdx.bench.said import SAID
from vdx.bench.target import DATA, Target
from vdx.bench.word_errors import word_error_rate

if TYPE_CHECKING:
    from openai import AsyncOpenAI

ABBREVIATIONS = {"mr": "mister", "mrs": "missus", "dr": "doctor", "st": "saint", "ok": "okay"}
SPELLED_DIGITS = 3
"""A number of so many digits or more is taken for digits that were said one by one."""
TIME = re.compile(
    r"\b(\d{1,2})\.?([0-5]\d)(?=\s?[ap]\.?m\b)|(?<=\bat )(\d{1,2})([0-5]\d)\b", re.IGNORECASE
)
"""A time of day that a recogniser wrote without its colon."""
REACH_HEARD, REACH_SPOKEN, REACH_TEXTS = 10.0, 6.0, 8.0


def replies() -> list[str]:
    """What the machine says, one sentence each."""
    return (DATA / "replies.txt").read_text(encoding="utf-8").splitlines()


def texts() -> list[tuple[str, str]]:
    """English texts with numbers and signs, and the words that each should be heard as."""
    lines = (DATA / "spoken_texts.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line.startswith("en\t")]
    return [(written, words) for _, written, words in rows]


def in_words(text: str) -> str:
    """What a recogniser wrote with digits and signs, in words; "p m" is one."""
    from vdx.core.events import Clause
    from vdx.speech.text.normalise import Normaliser

    text = TIME.sub(lambda m: f"{m[1] or m[3]}:{m[2] or m[4]}", text)
    said = normalised(Normaliser("en").clause(Clause(text, 0, len(text))).text)
    return re.sub(r"\b([ap]) m\b", r"\1m", said)


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


async def measure(target: Target, step: Step | None = None, spoken: int | None = None) -> Report:
    """Each recording and the first `spoken` replies and texts (None: all) once, in order."""
    status = await target.status()
    voice, recogniser = status["voice"], status["recogniser"]
    report = Report("words", {"voice": voice, "recogniser": recogniser})
    kinds = ("people", "replies", "texts")
    said = {kind: list[str]() for kind in kinds}
    heard = {kind: list[str]() for kind in kinds}
    async with _client(target) as client:
        async for kind, text, audio in _sounds(client, voice, spoken):
            told = await client.audio.transcriptions.create(
                model=recogniser, file=("speech.wav", audio)
            )
            words = in_words if kind == "texts" else normalised
            said[kind].append(words(text))
            heard[kind].append(words(told.text))
            report.samples.append({"kind": kind, "said": text, "heard": told.text})
            if step is not None:
                step()
    for kind, name, reach in (
        ("people", "words of people heard wrong", REACH_HEARD),
        ("replies", "words of spoken replies heard wrong", REACH_SPOKEN),
        ("texts", "words of texts with numbers and signs heard wrong", REACH_TEXTS),
    ):
        rate = word_error_rate(said[kind], heard[kind])
        report.add(f"{name}, {len(said[kind])} texts", "%", [round(rate, 1)], max=reach)
    return report


def _client(target: Target) -> "AsyncOpenAI":
    from openai import AsyncOpenAI

    key = target.api_key or "none"
    return AsyncOpenAI(api_key=key, base_url=f"{target.url}/v1", max_retries=0)


async def _sounds(
    client: "AsyncOpenAI", voice: str, most: int | None
) -> AsyncIterator[tuple[str, str, Any]]:
    """Kind, text and WAV file of everything that is said; of replies and texts at most so many."""
    for name, text in SAID.items():
        yield "people", text, recording(name).read_bytes()
    spoken = [("replies", text, text) for text in replies()[:most]]
    spoken += [("texts", written, words) for written, words in texts()[:most]]
    for kind, written, words in spoken:
        answer = await client.audio.speech.create(
            model=voice, voice=voice, input=written, response_format="wav"
        )
        yield kind, words, answer.content
