"""`vdx bench speech --table texts`: texts with numbers, signs and abbreviations.

What reaches a voice: every line of `data/spoken_texts.tsv`, in 16 languages, against the words that
the line expects. What is heard: the first `ENGLISH` English lines, spoken by the default voice and
transcribed by the default recogniser, against the same words.

A recogniser writes numbers as it likes, so both sides are brought to words (`in_words`): digits,
signs and abbreviations by vdx's own rules for English, which the lines do not depend on; letters
that are spelled out are joined ("p m", "U S"). Whether "170" was one number or three digits cannot
be told, so the reading that is nearer to the line counts.
"""

import re
from typing import NamedTuple

from vdx.bench.client_process import Step
from vdx.bench.figures import Report
from vdx.bench.target import DATA, Target
from vdx.bench.word_errors import word_error_rate
from vdx.bench.words import normalised, openai_client

REACH_WRONG = 8.0
"""Percent of the words."""
ENGLISH = 100
TIME = re.compile(
    r"\b(\d{1,2})\.?([0-5]\d)(?=\s?[ap]\.?m\b)|(?<=\bat )(\d{1,2})([0-5]\d)\b", re.IGNORECASE
)
"""A time of day that a recogniser wrote without its colon."""
SPELLED = re.compile(r"\b\w(?: \w)+\b")


class SpokenText(NamedTuple):
    """A text in a language, and the words that reach the voice."""

    language: str
    written: str
    spoken: str


def table() -> list[SpokenText]:
    """Every line of `data/spoken_texts.tsv`."""
    lines = (DATA / "spoken_texts.tsv").read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if line and not line.startswith("#"))
    return [SpokenText(row[0], row[1].replace("\\n", "\n"), row[2]) for row in rows]


def english() -> list[SpokenText]:
    """Those that are spoken and heard."""
    return [each for each in table() if each.language == "en"][:ENGLISH]


def reaches_voice(text: SpokenText) -> str:
    """What a voice is given for a text, its clauses joined."""
    from vdx.core.config import ClauseConfig
    from vdx.speech.text.clauses import ClauseChunker
    from vdx.speech.text.normalise import Normaliser

    chunker = ClauseChunker(ClauseConfig(), text.language, Normaliser(text.language))
    found = chunker.feed(text.written)
    found += chunker.feed(chunker.leave_code())
    return " ".join(clause.text for clause in [*found, *chunker.finish()])


def in_words(text: str, *, digits: bool = False) -> str:
    """What a recogniser wrote with digits and signs, in words.

    `digits`: long numbers digit by digit. Letters that are spelled out are one word.
    """
    from vdx.core.events import Clause
    from vdx.speech.text.normalise import Normaliser

    text = TIME.sub(lambda m: f"{m[1] or m[3]}:{m[2] or m[4]}", text)
    if digits:
        text = re.sub(r"\d{3,}", lambda m: " ".join(m[0]), text)
    said = normalised(Normaliser("en").clause(Clause(text, 0, len(text))).text)
    return SPELLED.sub(lambda m: m[0].replace(" ", ""), said)


def nearest(said: str, heard: str) -> str:
    """The reading of what was heard that has fewer words wrong."""
    readings = (in_words(heard), in_words(heard, digits=True))
    return min(readings, key=lambda reading: word_error_rate([said], [reading]))


async def measure(target: Target, step: Step | None = None, most: int | None = None) -> Report:
    """Every text once, and the first `most` English ones (None: all) spoken and heard."""
    status = await target.status()
    voice, recogniser = status["voice"], status["recogniser"]
    report = Report("speech", {"table": "texts", "voice": voice, "recogniser": recogniser})
    texts = table()
    wrong = [text for text in texts if reaches_voice(text) != text.spoken]
    report.add(f"said otherwise than expected, of {len(texts)} texts", "texts", [len(wrong)], max=0)
    said, heard = list[str](), list[str]()
    async with openai_client(target) as client:
        for text in english()[:most]:
            answer = await client.audio.speech.create(
                model=voice, voice=voice, input=text.written, response_format="wav"
            )
            told = await client.audio.transcriptions.create(
                model=recogniser, file=("speech.wav", answer.content)
            )
            said.append(in_words(text.spoken))
            heard.append(nearest(said[-1], told.text))
            report.samples.append({"said": text.spoken, "heard": told.text})
            if step is not None:
                step()
    rate = word_error_rate(said, heard)
    report.add(f"words heard wrong, {len(said)} texts", "%", [round(rate, 1)], max=REACH_WRONG)
    whole = sum(one == other for one, other in zip(said, heard, strict=True))
    report.add("texts with every word right", "texts", [whole])
    return report
