"""From text to the ids a network was trained on, phoneme for phoneme as piper-tts does it.

Every phoneme remembers the word of the text it belongs to, so that durations become word times.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from triton_backends.piper.config import BOS, EOS, PAD, VoiceConfig
from triton_backends.piper.espeak import Clause
from triton_backends.shared.word_spans import Phonemize, owners, word_spans, words_of

NO_WORD = -1
MAX_PHONEMES = 250
"""That the network is given at once: the time of its first part grows with the square.

About 20 s of speech; only text without sentences is longer, such as letters read one by one.
"""

# Text between these is phonemes already.
_RAW = re.compile(r"(\[\[.*?\]\])")
# espeak-ng puts the name of a language around words it reads by the rules of another.
_SWITCH = re.compile(r"\([^)]+\)")
_INSIDE_SENTENCE = (",", ":", ";")


class Clauses(Protocol):
    """The part of EspeakPhonemes that is needed here."""

    def clauses(self, voice: str, text: str) -> list[Clause]: ...


@dataclass(frozen=True, slots=True)
class Phoneme:
    """`word` is the index of its word in the text, or NO_WORD."""

    symbol: str
    word: int = NO_WORD


@dataclass(frozen=True, slots=True)
class Sentence:
    """What the network is given at once: ids, and for each the index of its word or NO_WORD."""

    ids: tuple[int, ...]
    words: tuple[int, ...]


class Phonemizer(Protocol):
    """Text to what the network is given; safe to call from any thread.

    `calibration_text` is something it can read, empty where English will do.
    """

    calibration_text: str

    def sentences(self, text: str) -> list[Sentence]:
        """The sentences of `text` that have anything to say."""
        ...


class LetterPhonemizer:
    """For voices of the types "espeak" and, without espeak-ng, "text".

    `vocalise` writes what a language leaves to the reader, as Arabic does its vowels; it keeps the
    words apart as they are.
    """

    calibration_text = ""

    def __init__(
        self,
        config: VoiceConfig,
        espeak: Clauses | None,
        vocalise: Callable[[str], str] | None = None,
    ) -> None:
        self._config = config
        self._espeak = espeak
        self._vocalise = vocalise

    def sentences(self, text: str) -> list[Sentence]:
        """The sentences of `text` that have anything to say."""
        found = self.phonemes(text)
        return [self._with_ids(part) for phonemes in found for part in bounded(phonemes)]

    def phonemes(self, text: str) -> list[list[Phoneme]]:
        """As `PiperVoice.phonemize`, grouped by sentence."""
        if self._config.phoneme_type == "text" or self._espeak is None:
            return [list(_codepoints(text))]
        found: list[list[Phoneme]] = []
        parts = _RAW.split(text)
        if self._vocalise is not None:
            parts = [part if part.startswith("[[") else self._vocalised(part) for part in parts]
            text = "".join(parts)
        after_raw = False
        at = 0
        for index, part in enumerate(parts):
            if part.startswith("[["):
                found = found or [[]]
                own = NO_WORD if " " in part else _word_at(text, at)
                found[-1] += _raw_phonemes(parts, index, own)
            else:
                spoken = self._spoken(self._espeak, text, at, part)
                if after_raw and spoken:
                    found[-1] += spoken.pop(0)
                found += spoken
            after_raw = part.startswith("[[")
            at += len(part)
        if found and not found[-1]:
            found.pop()
        return found

    def _vocalised(self, part: str) -> str:
        core = part.strip()
        if not core or self._vocalise is None:
            return part
        before, after = part.split(core, 1)
        return before + self._vocalise(core) + after

    def _spoken(self, espeak: Clauses, text: str, at: int, part: str) -> list[list[Phoneme]]:
        voice = self._config.espeak_voice
        spans = [
            (index, start - at, end - at)
            for index, (start, end) in enumerate(word_spans(text))
            if start < at + len(part) and end > at
        ]

        def alone(word: str) -> str:
            return "".join(_SWITCH.sub("", each.phonemes) for each in espeak.clauses(voice, word))

        sentences: list[list[Phoneme]] = []
        current: list[Phoneme] = []
        clauses = espeak.clauses(voice, part)
        for number, clause in enumerate(clauses):
            end = clauses[number + 1].start if number + 1 < len(clauses) else len(part)
            words = [(i, part[max(a, 0) : b]) for i, a, b in spans if a < end and b > clause.start]
            current += _of_clause(clause, words, alone)
            if clause.ends_sentence:
                sentences.append(self._merged(current))
                current = []
        if current:
            sentences.append(self._merged(current))
        return sentences

    def _merged(self, phonemes: list[Phoneme]) -> list[Phoneme]:
        """Vowels that the voice knows as one phoneme, joined."""
        clusters = self._config.vowel_clusters
        if not clusters:
            return phonemes
        longest = max(map(len, clusters))
        merged = []
        at = 0
        while at < len(phonemes):
            sizes = range(min(longest, len(phonemes) - at), 1, -1)
            size = next((n for n in sizes if _symbols(phonemes[at : at + n]) in clusters), 1)
            joined = "".join(_symbols(phonemes[at : at + size]))
            merged.append(Phoneme(joined, phonemes[at].word))
            at += size
        return merged

    def _with_ids(self, phonemes: Iterable[Phoneme]) -> Sentence:
        table = self._config.phoneme_ids
        pad = table[PAD]
        ids = [*table[BOS], *pad]
        words = [NO_WORD] * len(ids)
        for phoneme in phonemes:
            own = table.get(phoneme.symbol)
            if own is not None:  # one the voice does not know is left out, as the reference does
                ids += [*own, *pad]
                words += [phoneme.word] * (len(own) + len(pad))
        ids += table[EOS]
        return Sentence(tuple(ids), (*words, *[NO_WORD] * (len(ids) - len(words))))


def bounded(phonemes: list[Phoneme]) -> Iterator[list[Phoneme]]:
    """A sentence in parts of at most MAX_PHONEMES, cut where there is a space if there is one."""
    at = 0
    while len(phonemes) - at > MAX_PHONEMES:
        end = at + MAX_PHONEMES
        for space in range(end, at + MAX_PHONEMES // 2, -1):
            if phonemes[space - 1].symbol == " ":
                end = space
                break
        yield phonemes[at:end]
        at = end
    if at < len(phonemes):
        yield phonemes[at:]


def _of_clause(clause: Clause, words: list[tuple[int, str]], alone: Phonemize) -> Iterator[Phoneme]:
    spoken = _SWITCH.sub("", clause.phonemes)
    index_of = [index for index, _ in words]
    whose = owners(spoken, [word for _, word in words], alone)
    yield from _decomposed(spoken, [index_of[word] if word >= 0 else NO_WORD for word in whose])
    if clause.sign:
        yield Phoneme(clause.sign)
    if clause.sign in _INSIDE_SENTENCE:
        yield Phoneme(" ")


def _word_at(text: str, at: int) -> int:
    """The index of the word that a character of a text belongs to, or NO_WORD."""
    spans = enumerate(word_spans(text))
    return next((index for index, (start, end) in spans if start <= at < end), NO_WORD)


def _raw_phonemes(parts: list[str], index: int, word: int) -> Iterator[Phoneme]:
    """Phonemes given as such; all belong to one word."""
    if index > 0 and parts[index - 1].endswith(" "):
        yield Phoneme(" ")
    yield from (Phoneme(symbol, word) for symbol in parts[index][2:-2].strip())
    if index + 1 < len(parts) and parts[index + 1].startswith(" "):
        yield Phoneme(" ")


def _codepoints(text: str) -> Iterator[Phoneme]:
    return _decomposed(text, words_of(text))


def _decomposed(text: str, word_of: list[int]) -> Iterator[Phoneme]:
    """The codepoints of the canonical decomposition; accents become phonemes of their own."""
    pairs = zip(text, word_of, strict=True)
    owned = [word for c, word in pairs for _ in unicodedata.normalize("NFD", c)]
    return map(Phoneme, unicodedata.normalize("NFD", text), owned)


def _symbols(phonemes: list[Phoneme]) -> tuple[str, ...]:
    return tuple(phoneme.symbol for phoneme in phonemes)
