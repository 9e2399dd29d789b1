"""The bench's own corpus: spoken orders and digits with thinking pauses put in, and whole turns.

A pause is put between two words, at the quietest place between them, and filled with the
recording's own noise; digits are cut so close that a quiet room is put around them. It is harder
to tell than a real one: who thinks draws the last word out or lets the voice fall, and here the
word is as short as in fluent speech. A digit alone and a short sentence are turns of their own, so
that short turns are not taken for unfinished ones. The recordings are in the checkout,
`benchmarks/data`; the word times of the orders were found by Whisper (`scripts/align_orders.py`).
"""

import itertools
import json
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from vdx.bench.endpointing.turns import AFTER_TURN_MS, Half, Part, Silence, Turn
from vdx.client.recording import Clip, loud_span, read_clip
from vdx.core.audio import LISTEN_RATE
from vdx.core.events import Pcm
from vdx.core.resample import Resampler

ORDERS, DIGITS, WORDS = "orders", "digits", "words.json"
PAUSES_MS = (400, 600, 800, 1000, 1200)
"""Lengths of the pauses in turn: those of people who think, and are not done."""
PAUSES_PER_ORDER = 6
DIGITS_PER_NUMBER = 5
DIGIT_GAPS_MS = (400, 700, 500, 900)
DIGITS_ALONE = 10
"""Every tenth digit is also a turn of its own."""
SENTENCES = "../../tests/data/audio"
WHOLE = frozenset(
    {
        *("ljspeech_0002", "ljspeech_0008", "ps_cards_001", "ps_cards_002", "ps_goforward"),
        *("ps_librivox_0870", "ps_librivox_0880", "ps_librivox_0930", "ps_something"),
        *("ps_tidigits_2934z", "rhasspy_lamp"),
    }
)
"""Recordings that are whole turns."""
ROOM_RMS = 8
"""Of the noise around digits and sentences, which are cut so close that they have none."""
GRAIN = LISTEN_RATE * 60 // 1000
"""Samples of noise that are taken at once, from the quietest places of a recording."""
QUIETEST_GRAINS = 12
NEAR_MS = 150
"""How far from where Whisper heard one word end and the next begin the quiet place may lie."""
FADE = LISTEN_RATE // 200
REST_MS = 150
"""Of the order that follow a pause at least. Where Whisper heard the last words late, less does,
and that silence ends the turn."""

Words = Sequence[tuple[str, int, int]]


def own_parts(folder: Path, half: Half) -> list[Part]:
    """One half of the corpus, by recording: orders are divided by file, digits by person.

    Raises:
        OSError: `folder` does not hold the recordings.
    """
    words: dict[str, Words] = json.loads((folder / ORDERS / WORDS).read_text(encoding="utf-8"))
    parts: list[Part] = [
        partial(order_turns, folder / ORDERS / f"{name}.flac", words[name])
        for name in sorted(words)
        if half_of(name) == half
    ]
    files: dict[str, list[Path]] = {}
    for file in sorted((folder / DIGITS).glob("*.flac")):
        files.setdefault(file.stem.split("_")[1], []).append(file)
    for number, speaker in enumerate(sorted(files)):
        if (number % 2 == 0) == (half == "tuning"):
            parts.append(partial(number_turns, speaker, files[speaker]))
            parts.append(partial(digit_turns, speaker, files[speaker]))
    sentences = (folder / SENTENCES / f"{name}.wav" for name in sorted(WHOLE))
    return parts + [
        partial(sentence_turns, each) for each in sentences if half_of(each.stem) == half
    ]


def half_of(name: str) -> Half:
    """By the name alone, so that a recording stays in its half when others come."""
    return "tuning" if zlib.crc32(name.encode()) % 2 == 0 else "held-back"


def order_turns(file: Path, words: Words) -> Iterator[Turn]:
    """The order as recorded, with its true end, and once with each of several pauses."""
    name, pcm = file.stem, read_clip(file, LISTEN_RATE).pcm
    noise = Noise(name, pcm)
    _, end = loud_span(pcm, LISTEN_RATE)
    whole = np.concatenate([pcm, noise.make(_samples(AFTER_TURN_MS))])
    start_ms = end * 1000 / LISTEN_RATE
    yield Turn(name, name, whole, (Silence(start_ms, start_ms + AFTER_TURN_MS, ends_turn=True),))
    for number, at in enumerate(_places(pcm, words)):
        if at > end - _samples(REST_MS):
            continue
        yield _paused(f"{name}+{number}", name, pcm, at, PAUSES_MS[number % 5], noise)


def thinking(file: Path, words: Words, pause_ms: int, rate: int) -> Clip:
    """The order with one pause at the quietest place between two words, cut at its end.

    `words` are those of the file with their times in ms; the result is int16 mono at `rate` Hz.
    """
    pcm = read_clip(file, LISTEN_RATE).pcm
    borders = [_quietest(pcm, left, right) for left, right in itertools.pairwise(words[1:])]
    last = loud_span(pcm, LISTEN_RATE)[1] - _samples(REST_MS)
    within = [border for border in borders if border <= last] or borders
    at = min(within, key=lambda border: _power_at(pcm, border))
    pause = Noise(file.stem, pcm).make(_samples(pause_ms))
    joined = np.concatenate([_faded(pcm[:at], at_end=True), pause, _faded(pcm[at:], at_end=False)])
    onset, end = loud_span(joined, LISTEN_RATE)
    scaled = Resampler(LISTEN_RATE, rate).push(joined[:end])
    return Clip(file.stem, scaled, rate, onset * rate // LISTEN_RATE, scaled.size)


def _power_at(pcm: Pcm, at: int) -> float:
    around = pcm[max(0, at - GRAIN // 2) : at + GRAIN // 2].astype(np.float64)
    return float(np.mean(around**2))


def _paused(id_: str, name: str, pcm: Pcm, at: int, pause_ms: int, noise: "Noise") -> Turn:
    pause = noise.make(_samples(pause_ms))
    joined = np.concatenate([_faded(pcm[:at], at_end=True), pause, _faded(pcm[at:], at_end=False)])
    start_ms = at * 1000 / LISTEN_RATE
    return Turn(id_, name, joined, (Silence(start_ms, start_ms + pause_ms, ends_turn=False),))


def _places(pcm: Pcm, words: Words) -> list[int]:
    """Samples of up to PAUSES_PER_ORDER word boundaries, evenly spread, the first word's aside."""
    pairs = itertools.pairwise(words[1:])
    borders = [_quietest(pcm, left, right) for left, right in pairs]
    if len(borders) <= PAUSES_PER_ORDER:
        return borders
    chosen = np.linspace(0, len(borders) - 1, PAUSES_PER_ORDER).round().astype(int)
    return [borders[index] for index in chosen]


def _quietest(pcm: Pcm, left: tuple[str, int, int], right: tuple[str, int, int]) -> int:
    border = right[1]
    low = max(border - NEAR_MS, (left[1] + left[2]) // 2)
    high = min(border + NEAR_MS, (right[1] + right[2]) // 2)
    first, last = _samples(low), max(_samples(high), _samples(low) + GRAIN + 1)
    power = np.convolve(pcm[first:last].astype(np.float64) ** 2, np.ones(GRAIN), "valid")
    return first + int(np.argmin(power)) + GRAIN // 2


def number_turns(speaker: str, files: Sequence[Path]) -> Iterator[Turn]:
    """Numbers of five digits, each digit said by itself, with a pause after all but the last."""
    takes = [read_clip(file, LISTEN_RATE) for file in files]
    noise = quiet_room(speaker)
    order = np.random.default_rng(zlib.crc32(speaker.encode())).permutation(len(takes))
    for number in range(len(takes) // DIGITS_PER_NUMBER):
        chosen = order[number * DIGITS_PER_NUMBER : (number + 1) * DIGITS_PER_NUMBER]
        pieces, silences, position = [noise.make(_samples(300))], [], _samples(300)
        for place, index in enumerate(chosen):
            take = takes[index]
            said = _faded(_faded(take.pcm[take.onset : take.end], at_end=False), at_end=True)
            last = place == DIGITS_PER_NUMBER - 1
            gap_ms = AFTER_TURN_MS if last else DIGIT_GAPS_MS[(place + number) % 4]
            position += said.size
            start_ms = position * 1000 / LISTEN_RATE
            silences.append(Silence(start_ms, start_ms + gap_ms, ends_turn=last))
            pieces += [said, noise.make(_samples(gap_ms))]
            position += _samples(gap_ms)
        yield Turn(
            f"{speaker}-{number}", f"digits-{speaker}", np.concatenate(pieces), tuple(silences)
        )


def digit_turns(speaker: str, files: Sequence[Path]) -> Iterator[Turn]:
    """Digits, each of which is all that is said."""
    takes = [read_clip(file, LISTEN_RATE) for file in files]
    noise = quiet_room(speaker)
    for take in takes[::DIGITS_ALONE]:
        yield _whole(f"{speaker}-{take.name}", f"digits-{speaker}", take.pcm[take.onset :], noise)


def sentence_turns(file: Path) -> Iterator[Turn]:
    """A sentence in a quiet room."""
    pcm = read_clip(file, LISTEN_RATE).pcm
    yield _whole(file.stem, file.stem, pcm, quiet_room(file.stem))


def _whole(id_: str, recording: str, pcm: Pcm, noise: "Noise") -> Turn:
    _, end = loud_span(pcm, LISTEN_RATE)
    before, after = noise.make(_samples(500)), noise.make(_samples(AFTER_TURN_MS))
    start_ms = (before.size + end) * 1000 / LISTEN_RATE
    silence = Silence(start_ms, start_ms + AFTER_TURN_MS, ends_turn=True)
    return Turn(id_, recording, np.concatenate([before, pcm[:end], after]), (silence,))


def quiet_room(name: str) -> "Noise":
    """Faint noise for a recording that has none of its own."""
    chance = np.random.default_rng(zlib.crc32(name.encode()))
    return Noise(name, chance.normal(0, ROOM_RMS, LISTEN_RATE).astype(np.int16))


class Noise:
    """Makes more of a recording's own noise: overlapping pieces of its quietest places."""

    def __init__(self, name: str, pcm: Pcm) -> None:
        self._chance = np.random.default_rng(zlib.crc32(name.encode()))
        starts = np.arange(0, max(1, pcm.size - GRAIN), GRAIN // 2)
        pieces = np.stack([_piece(pcm, int(start)) for start in starts])
        levels = np.sqrt(np.mean(pieces**2, axis=1))
        # Digital silence, which some recordings begin with, is no room.
        heard = np.flatnonzero(levels > 0)
        quiet = heard[np.argsort(levels[heard])][:QUIETEST_GRAINS] if heard.size else [0]
        self._grains = pieces[quiet]

    def make(self, samples: int) -> Pcm:
        """int16 of so many samples."""
        hop = GRAIN // 2
        # Powers of a sine window that overlap by half add up to one.
        window = np.sin(np.pi * (np.arange(GRAIN) + 0.5) / GRAIN)
        count = samples // hop + 2
        made = np.zeros((count + 1) * hop)
        for index in range(count):
            grain = self._grains[self._chance.integers(len(self._grains))]
            made[index * hop : index * hop + GRAIN] += window * grain
        return made[hop : hop + samples].astype(np.int16)


def _piece(pcm: Pcm, start: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    piece = np.zeros(GRAIN)
    found = pcm[start : start + GRAIN]
    piece[: found.size] = found
    return piece


def _faded(pcm: Pcm, *, at_end: bool) -> Pcm:
    """A copy without a click at the cut."""
    ramp, out = np.linspace(0, 1, FADE), pcm.astype(np.float64)
    if at_end:
        out[-FADE:] *= ramp[::-1]
    else:
        out[:FADE] *= ramp
    return out.astype(np.int16)


def _samples(ms: float) -> int:
    return int(ms * LISTEN_RATE / 1000)
