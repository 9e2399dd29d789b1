"""Who says what in a recording: clusters of voices, and the words of each person."""

import asyncio
import itertools
from collections.abc import Iterable

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.voices import MAN, WOMAN, Person, voice
from vdx.batch import speakers
from vdx.batch.clustering import clusters
from vdx.batch.cutting import Stretch
from vdx.batch.files import Segment
from vdx.batch.speakers import KnownSpeaker, SpeakerLabels, _letter
from vdx.batch.transcripts import Document
from vdx.core.audio import LISTEN_RATE
from vdx.core.events import Pcm, Word


def around(
    centres: NDArray[np.float64], counts: Iterable[int], spread: float
) -> NDArray[np.float32]:
    random = np.random.default_rng(3)
    points = np.concatenate(
        [
            centre + random.normal(0, spread, (n, centre.size))
            for centre, n in zip(centres, counts, strict=True)
        ]
    )
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points.astype(np.float32)


@pytest.mark.parametrize("counts", [(1,), (5,), (4, 7), (30, 1, 12), (2, 2, 2, 2)])
def test_each_group_is_a_cluster(counts: tuple[int, ...]) -> None:
    labels = clusters(around(np.eye(8)[: len(counts)], counts, 0.05), 0.5)
    expected = list(itertools.chain.from_iterable([n] * size for n, size in enumerate(counts)))
    assert labels.tolist() == expected


def test_average_linkage_against_the_plain_way() -> None:
    """Two clusters with the least mean distance are joined, again and again."""
    vectors = around(np.eye(4), (6, 6, 6, 6), 0.6)
    distances = 1.0 - vectors @ vectors.T
    groups = [[n] for n in range(len(vectors))]
    while True:
        pairs = itertools.combinations(range(len(groups)), 2)
        mean = {(a, b): float(distances[np.ix_(groups[a], groups[b])].mean()) for a, b in pairs}
        (one, other), height = min(mean.items(), key=lambda each: each[1])
        if height > 0.5:
            break
        groups[one] += groups.pop(other)
    labels = clusters(vectors, 0.5)
    assert {tuple(sorted(group)) for group in groups} == {
        tuple(np.flatnonzero(labels == label).tolist()) for label in set(labels.tolist())
    }
    assert 1 < len(groups) < len(vectors)


async def by_brightness(pcm: Pcm) -> NDArray[np.float32]:
    """A voice as an angle: the mean frequency of its energy, 1.3 kHz of the man's, 2.1 of hers."""
    power = np.abs(np.fft.rfft(pcm.astype(float))) ** 2
    hertz = np.fft.rfftfreq(pcm.size, 1 / LISTEN_RATE)
    angle = ((power * hertz).sum() / power.sum() - 1300) / 800 * np.pi / 2
    return np.array([np.cos(angle), np.sin(angle)], np.float32)


def call(*turns: tuple[Person, float]) -> tuple[Stretch, Segment]:
    """One stretch in which people follow one another at once, and a word for each half second."""
    audio = np.concatenate([voice(who, seconds) for who, seconds in turns])
    words, text = [], ""
    for number in range(audio.size // (LISTEN_RATE // 2)):
        word = f"w{number}"
        start = len(text) + bool(text)
        text = f"{text} {word}".strip()
        words.append(Word(word, number * 500, number * 500 + 400, start, start + len(word)))
    ms = audio.size * 1000 // LISTEN_RATE
    return Stretch(0, audio), Segment(0, ms, text, 0.9, tuple(words))


async def labelled(
    stretch: Stretch, segment: Segment, known: Iterable[KnownSpeaker] = ()
) -> list[Segment]:
    labels = SpeakerLabels(by_brightness, list(known))
    await labels.hear(stretch)
    return await asyncio.to_thread(labels.of, [segment])


async def test_a_stretch_is_parted_where_another_one_speaks() -> None:
    parts = await labelled(*call((MAN, 4), (WOMAN, 4), (MAN, 3)))
    assert [part.speaker for part in parts] == ["A", "B", "A"]
    assert " ".join(part.text for part in parts) == " ".join(f"w{n}" for n in range(22))
    assert [part.start_ms for part in parts[1:]] == pytest.approx([4000, 8000], abs=500)
    assert all(one.end_ms <= other.start_ms for one, other in itertools.pairwise(parts))


async def test_one_person_is_one_speaker() -> None:
    parts = await labelled(*call((WOMAN, 8)))
    assert [(part.speaker, part.text.split()[-1]) for part in parts] == [("A", "w15")]


async def test_nobody_else_gets_the_letter_that_is_a_known_name() -> None:
    known = [KnownSpeaker("A", await by_brightness(voice(WOMAN, 2, seed=9)))]
    parts = await labelled(*call((MAN, 4), (WOMAN, 4)), known)
    assert [part.speaker for part in parts] == ["B", "A"]


async def test_known_people_are_called_by_name() -> None:
    known = [KnownSpeaker("Anna", await by_brightness(voice(WOMAN, 2, seed=9)))]
    parts = await labelled(*call((MAN, 4), (WOMAN, 4)), known)
    assert [part.speaker for part in parts] == ["A", "Anna"]


async def test_without_times_of_words_a_stretch_has_one_speaker() -> None:
    stretch, segment = call((MAN, 4), (WOMAN, 1))
    (part,) = await labelled(stretch, Segment(0, 5000, segment.text))
    assert part.speaker == "A"


async def test_the_forms_say_who_speaks() -> None:
    parts = await labelled(*call((MAN, 4), (WOMAN, 4)))
    document = Document(parts, 8.0)
    found = document.diarized()
    assert [each["speaker"] for each in found["segments"]] == ["A", "B"]
    assert {"id", "type", "start", "end", "text", "speaker"} <= set(found["segments"][0])
    assert document.rendered("text").startswith("A: w0 w1")
    assert "<v B>w" in document.rendered("vtt")
    assert "[B] w" in document.rendered("srt")


async def test_a_call_of_hours_is_kept_small_and_parted_as_a_short_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(speakers, "BLOCK", 4)
    monkeypatch.setattr(speakers, "MOST_CLUSTERED", 6)
    labels = SpeakerLabels(by_brightness)
    stretch, segment = call((MAN, 6), (WOMAN, 6), (MAN, 6))
    await labels.hear(stretch)
    assert len(labels._windows) > 20
    assert {window.voice.dtype for window in labels._windows} == {np.dtype(np.int8)}
    parts = await asyncio.to_thread(labels.of, [segment])
    assert [part.speaker for part in parts] == ["A", "B", "A"]
    assert [part.start_ms for part in parts[1:]] == pytest.approx([6000, 12000], abs=500)


def test_letters_go_on_after_z() -> None:
    assert [_letter(number) for number in (0, 25, 26, 51, 52, 701, 702)] == [
        *("A", "Z", "AA", "AZ", "BA", "ZZ", "AAA")
    ]
