"""`vdx bench transcriptions --table`: recordings as people send them, over HTTP.

`treatments`: each bundled recording of a person after each line of `data/treatments.yaml`; how many
words more are wrong than in the recording itself. `cuts`: each line of `data/cuts.tsv`, cut at word
boundaries; how many are empty or say a word twice.
"""

import csv
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from vdx.bench.client_process import Step
from vdx.bench.clips import recording
from vdx.bench.figures import Report
from vdx.bench.reference_transcripts import REFERENCE_TRANSCRIPTS
from vdx.bench.target import DATA, Target
from vdx.bench.treatments import Treatment, treatments, wav
from vdx.bench.word_errors import word_error_rate
from vdx.bench.words import normalised, openai_client
from vdx.client.recording import read_clip
from vdx.core.audio import LISTEN_RATE
from vdx.core.events import Pcm

if TYPE_CHECKING:
    from openai import AsyncOpenAI

POINTS = 3.0
"""Words wrong, in percent of all, that a treatment may add."""
CLEAN = Treatment(name="as they are")


class Cut(NamedTuple):
    """Part of a bundled recording, in ms, and its words."""

    recording: str
    start_ms: int
    end_ms: int
    words: str

    def file(self) -> bytes:
        """A WAV of it."""
        pcm = _samples(self.recording)
        start, end = (ms * LISTEN_RATE // 1000 for ms in (self.start_ms, self.end_ms))
        return wav(pcm[start:end, None])


@lru_cache(maxsize=32)
def _samples(name: str) -> Pcm:
    """A whole bundled recording."""
    return read_clip(recording(name), LISTEN_RATE).pcm


def cuts() -> list[Cut]:
    """Every line of `data/cuts.tsv`, which `scripts/cut_at_words.py` wrote."""
    with (DATA / "cuts.tsv").open(encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return [
            Cut(row["recording"], int(row["start_ms"]), int(row["end_ms"]), row["words"])
            for row in rows
        ]


def doubled(text: str) -> bool:
    """Whether a word, or several in a row, come twice."""
    words = text.split()
    return any(
        words[at : at + length] == words[at + length : at + 2 * length]
        for length in range(1, len(words) // 2 + 1)
        for at in range(len(words) - 2 * length + 1)
    )


async def measure_treatments(target: Target, every: int, step: Step | None = None) -> Report:
    """Of the recordings every `every`-th."""
    recogniser = (await target.status())["recogniser"]
    report = Report("transcriptions", {"table": "treatments", "recogniser": recogniser})
    names = list(REFERENCE_TRANSCRIPTS)[::every]
    clean = 0.0
    async with openai_client(target) as client:
        for treatment in (CLEAN, *treatments()):
            said, heard = list[str](), list[str]()
            for name in names:
                told = REFERENCE_TRANSCRIPTS[name]
                pcm = _samples(name)
                text = await _transcript(client, recogniser, treatment.apply(pcm))
                said.append(normalised(" ".join([told] * treatment.joined)))
                heard.append(normalised(text))
                report.samples.append({"treatment": treatment.name, "said": told, "heard": text})
                if step is not None:
                    step()
            wrong = word_error_rate(said, heard)
            if treatment is CLEAN:
                clean = wrong
                report.add(f"words heard wrong, {treatment.name}", "%", [round(wrong, 1)])
            else:
                report.add(treatment.name, "points more", [round(wrong - clean, 1)], max=POINTS)
    return report


async def measure_cuts(target: Target, every: int, step: Step | None = None) -> Report:
    """Of the cuts every `every`-th."""
    recogniser = (await target.status())["recogniser"]
    report = Report("transcriptions", {"table": "cuts", "recogniser": recogniser})
    said, heard = list[str](), list[str]()
    async with openai_client(target) as client:
        for cut in cuts()[::every]:
            text = await _transcript(client, recogniser, cut.file())
            said.append(normalised(cut.words))
            heard.append(normalised(text))
            report.samples.append({"said": cut.words, "heard": text})
            if step is not None:
                step()
    pairs = list(zip(said, heard, strict=True))
    twice = [text for words, text in pairs if doubled(text) and not doubled(words)]
    report.add(f"empty, of {len(pairs)}", "cuts", [float(heard.count(""))], max=0)
    report.add(f"words said twice, of {len(pairs)}", "cuts", [float(len(twice))], max=0)
    report.add("words heard wrong", "%", [round(word_error_rate(said, heard), 1)])
    return report


def steps(table: str, every: int) -> int:
    """How many recordings a table transcribes."""
    if table == "cuts":
        return len(cuts()[::every])
    return (1 + len(treatments())) * len(list(REFERENCE_TRANSCRIPTS)[::every])


async def _transcript(client: "AsyncOpenAI", recogniser: str, file: bytes) -> str:
    """What is heard in a file; an error counts as nothing heard."""
    from openai import BadRequestError

    try:
        told = await client.audio.transcriptions.create(model=recogniser, file=("it", file))
    except BadRequestError:
        return ""
    return told.text
