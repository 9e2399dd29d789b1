"""Who speaks when in a recording: windows of its speech, their voices, and whose words are whose.

Windows of 1.5 s every 0.75 s, as WeSpeaker's recipes for diarization have them
(wespeaker/diar/extract_emb.py), so that a person is told from the next one who falls in without a
pause. Each word is of whoever speaks in the window whose middle is nearest to its own.
"""

import itertools
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vdx.batch.clustering import Vectors, clusters
from vdx.batch.cutting import Stretch
from vdx.batch.files import Segment
from vdx.batch.packed_vectors import Packed, packed, unpacked
from vdx.core.audio import LISTEN_RATE
from vdx.core.channels import frame_levels, loud_level
from vdx.core.events import Pcm, Word

WINDOW: Final = LISTEN_RATE * 3 // 2
HOP: Final = WINDOW // 2
QUIET: Final = 0.1
"""A window so much softer than the speech around it holds none: -20 dB."""
APART: Final = 0.5
"""Cosine distance from which two voices are of two people (the default of sherpa-onnx)."""
MOST_CLUSTERED: Final = 3_000
"""Windows; of longer recordings so many are clustered, the others are of the nearest cluster."""
FEW: Final = 2
"""A cluster of fewer windows is no person of its own, where there are larger ones."""
LETTERS: Final = 26
BLOCK: Final = 1_000
"""Windows whose voices are unpacked at a time."""

Embed = Callable[[Pcm], Awaitable[Vectors]]
"""The voice of int16 16 kHz mono audio, as a vector of length 1."""


@dataclass(frozen=True, slots=True)
class KnownSpeaker:
    """A person whose voice was given: float32 [size] of length 1."""

    name: str
    voice: Vectors


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """Its middle in ms from the start of the recording, its channel and its voice.

    There are 4,800 in an hour of speech.
    """

    middle_ms: int
    channel: int
    voice: Packed


class SpeakerLabels:
    """Listens to stretch after stretch, and names the speakers of their segments at the end."""

    def __init__(self, embed: Embed, known: Sequence[KnownSpeaker] = ()) -> None:
        self._embed = embed
        self._known = known
        self._windows: list[_Window] = []
        self._by_channel: dict[int | None, list[int]] = {}
        """The numbers of the windows of each channel, and of all of them, in order."""

    async def hear(self, stretch: Stretch) -> None:
        """Takes the voices of a stretch of speech; raises what `embed` raises."""
        loud = _level(stretch.audio)
        last = max(stretch.audio.size - WINDOW, 0)
        for at in dict.fromkeys((*range(0, last, HOP), last)):
            piece = stretch.audio[at : at + WINDOW]
            if _level(piece) < QUIET * loud:
                continue
            middle = (stretch.start + at + piece.size // 2) * 1000 // LISTEN_RATE
            voice = packed(await self._embed(piece))
            self._windows.append(_Window(middle, stretch.channel, voice))

    def of(self, segments: Sequence[Segment]) -> list[Segment]:
        """The segments with their speakers, parted where another one speaks; blocks."""
        self._windows.sort(key=lambda window: window.middle_ms)
        if not self._windows:
            return [replace(segment, speaker=_letter(0)) for segment in segments]
        for number, window in enumerate(self._windows):
            for channel in (None, window.channel):
                self._by_channel.setdefault(channel, []).append(number)
        labels = self._labels()
        names = self._names(labels)
        told = [names[label] for label in labels]
        return [part for segment in segments for part in self._parts(segment, told)]

    def _labels(self) -> list[int]:
        step = -(-len(self._windows) // MOST_CLUSTERED)
        chosen = unpacked([window.voice for window in self._windows[::step]])
        found = clusters(chosen, APART)
        sizes = np.bincount(found)
        kept = np.flatnonzero(sizes >= FEW) if sizes.max() >= FEW else np.arange(sizes.size)
        centres = np.stack([_centre(chosen[found == each]) for each in kept])
        nearest = np.concatenate(
            [np.argmax(voices @ centres.T, axis=1) for voices in self._blocks()]
        )
        order = {int(label): number for number, label in enumerate(dict.fromkeys(nearest))}
        return [order[int(label)] for label in nearest]

    def _names(self, labels: Sequence[int]) -> list[str]:
        """A name for each label: of the known voice that is like it, else a letter."""
        count = max(labels) + 1
        sums = np.zeros((count, self._windows[0].voice.size), np.float64)
        for number, voices in enumerate(self._blocks()):
            np.add.at(sums, np.array(labels[number * BLOCK : (number + 1) * BLOCK]), voices)
        centres = [_centre(each[None, :]) for each in sums]
        pairs = sorted(
            ((float(centres[label] @ known.voice), label, known.name)
             for label in range(count) for known in self._known),
            reverse=True,
        )  # fmt: skip
        names: dict[int, str] = {}
        for likeness, label, name in pairs:
            if likeness >= 1 - APART and label not in names and name not in names.values():
                names[label] = name
        given = {known.name for known in self._known}
        letters = (letter for letter in map(_letter, itertools.count()) if letter not in given)
        return [names.get(label) or next(letters) for label in range(count)]

    def _blocks(self) -> Iterator[Vectors]:
        """The voices of the windows in order, some at a time."""
        for start in range(0, len(self._windows), BLOCK):
            yield unpacked([each.voice for each in self._windows[start : start + BLOCK]])

    def _parts(self, segment: Segment, told: Sequence[str]) -> list[Segment]:
        if not segment.words:
            middle = (segment.start_ms + segment.end_ms) // 2
            return [replace(segment, speaker=self._speaker(middle, segment.channel, told))]
        groups: list[tuple[str, list[Word]]] = []
        for word in segment.words:
            middle = (word.start_ms + word.end_ms) // 2
            who = self._speaker(middle, segment.channel, told)
            if not groups or groups[-1][0] != who:
                groups.append((who, []))
            groups[-1][1].append(word)
        if len(groups) == 1:
            return [replace(segment, speaker=groups[0][0])]
        return [_part(segment, groups, number) for number in range(len(groups))]

    def _speaker(self, at_ms: int, channel: int, told: Sequence[str]) -> str:
        near = self._by_channel.get(channel) or self._by_channel[None]
        after = bisect_left(near, at_ms, key=lambda number: self._windows[number].middle_ms)
        sides = near[max(0, after - 1) : after + 1]
        return told[min(sides, key=lambda number: abs(self._windows[number].middle_ms - at_ms))]


def _part(segment: Segment, groups: list[tuple[str, list[Word]]], number: int) -> Segment:
    """The words of one speaker, with the text up to those of the next one."""
    speaker, words = groups[number]
    last = number == len(groups) - 1
    start = 0 if number == 0 else words[0].char_start
    end = len(segment.text) if last else groups[number + 1][1][0].char_start
    return replace(
        segment,
        start_ms=segment.start_ms if number == 0 else words[0].start_ms,
        end_ms=segment.end_ms if last else words[-1].end_ms,
        text=segment.text[start:end].strip(),
        words=tuple(words),
        speaker=speaker,
    )


def _level(audio: Pcm) -> float:
    return loud_level(frame_levels(audio.astype(np.float32)[:, None])[:, 0]) if audio.size else 0.0


def _centre(voices: NDArray[Any]) -> Vectors:
    mean = voices.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)


def _letter(number: int) -> str:
    """A to Z, then AA, AB, …"""
    letter = chr(ord("A") + number % LETTERS)
    return letter if number < LETTERS else _letter(number // LETTERS - 1) + letter
