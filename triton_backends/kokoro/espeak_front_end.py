"""English, Spanish, French, Hindi, Italian and Portuguese, read by espeak-ng.

Written in the alphabet of misaki 0.9.4, the front end of Kokoro's reference: its tables turn the
IPA of espeak-ng into what the network was trained on. For all but English this is all that the
reference does; for English it has a lexicon besides, which needs spaCy, and uses this for words
that are not in it.
"""

import re

from triton_backends.kokoro.spoken import Spoken
from triton_backends.shared.espeak_library import IPA, TIE, EspeakLibrary, separated_by
from triton_backends.shared.word_spans import NO_WORD, owners, word_spans

BRITISH = "en"
"""What espeak-ng calls British English."""
MODE = separated_by("^") | TIE | IPA

_MARKS = re.compile(r"(?:(?<!\d)[.,]|[.,](?!\d)|[;:!?¡¿—…\"«»“”(){}\[\]])+")
"""Punctuation, which stays in the phonemes as it is; not the point and comma inside a number."""
_SWITCH = re.compile(r"\([^)]*\)")
"""What espeak-ng puts around words that it reads by the rules of another language."""

_TABLE = (
    *(("a^ɪ", "I"), ("a^ʊ", "W"), ("d^z", "ʣ"), ("d^ʒ", "ʤ"), ("e^ɪ", "A"), ("o^ʊ", "O")),
    *(("ə^ʊ", "Q"), ("s^s", "S"), ("t^s", "ʦ"), ("t^ʃ", "ʧ"), ("ɔ^ɪ", "Y")),
    *(("^", ""), ("-", "")),
)
"""misaki.espeak.EspeakG2P"""
_ENGLISH_FIRST = (
    *(("ʔˌn\u0329", "ʔn"), ("ʔn\u0329", "ʔn"), ("a^ɪ", "I"), ("a^ʊ", "W"), ("d^ʒ", "ʤ")),
    *(("e^ɪ", "A"), ("t^ʃ", "ʧ"), ("ɔ^ɪ", "Y"), ("ə^l", "ᵊl"), ("ʲo", "jo"), ("ʲə", "jə")),
    *(("e", "A"), ("ʲ", ""), ("ɚ", "əɹ"), ("r", "ɹ"), ("x", "k"), ("ç", "k"), ("ɐ", "ə")),
    *(("ɬ", "l"), ("\u0303", "")),
)
_BRITISH = (("e^ə", "ɛː"), ("iə", "ɪə"), ("ə^ʊ", "Q"))
_AMERICAN = (("o^ʊ", "O"), ("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɪə", "iə"), ("ː", ""))
_ENGLISH_LAST = (("o", "ɔ"), ("ɾ", "T"), ("ʔ", "t"), ("^", ""))
"""misaki.espeak.EspeakFallback"""
_RAW = re.compile(r"\[\[\s*([^\[\]]+?)\s*\]\]")
"""Between these is IPA already."""
_SYLLABIC = re.compile(r"(\S)\u0329")


class EspeakFrontEnd:
    """One language of espeak-ng."""

    def __init__(self, library: EspeakLibrary, voice: str) -> None:
        self._library = library
        self._voice = voice

    def read(self, text: str) -> Spoken:
        spans = word_spans(text)
        symbols: list[str] = []
        words: list[int] = []
        at = 0
        for raw in (*_RAW.finditer(text), None):
            self._read(text, spans, (at, raw.start() if raw else len(text)), symbols, words)
            if raw:
                at = raw.end()
                own = next(i for i, (_, end) in enumerate(spans) if raw.start() < end)
                symbols += self._written_raw(raw[1])
                words += [own] * (len(symbols) - len(words))
        return Spoken("".join(symbols), tuple(words), spans)

    def _read(
        self,
        text: str,
        spans: list[tuple[int, int]],
        part: tuple[int, int],
        symbols: list[str],
        words: list[int],
    ) -> None:
        """What is between two pieces of IPA."""
        at, last = part
        for mark in (*_MARKS.finditer(text, at, last), None):
            end = mark.start() if mark else last
            self._add(text, spans, (at, end), symbols, words)
            if mark:
                symbols += _sign(mark.group())
                words += [NO_WORD] * (len(symbols) - len(words))
                at = mark.end()

    def _add(
        self,
        text: str,
        spans: list[tuple[int, int]],
        part: tuple[int, int],
        symbols: list[str],
        words: list[int],
    ) -> None:
        """What is between two marks, with the space before it."""
        start, end = part
        if start and text[start:end][:1].isspace() and symbols:
            symbols.append(" ")
            words.append(NO_WORD)
        there = [(i, max(a, start), min(b, end)) for i, (a, b) in enumerate(spans)]
        there = [(i, a, b) for i, a, b in there if a < b]
        spoken = self._phonemes(text[start:end])
        owned = owners(spoken, [text[a:b] for _, a, b in there], self._phonemes)
        symbols += spoken
        words += [there[owner][0] if owner != NO_WORD else NO_WORD for owner in owned]
        if text[start:end][-1:].isspace() and spoken and end < len(text):
            symbols.append(" ")
            words.append(NO_WORD)

    def _phonemes(self, text: str) -> str:
        encoded = " ".join(text.replace("\0", " ").split()).encode(errors="replace")
        if not encoded:
            return ""
        with self._library.speaking(self._voice):
            read = self._library.read(encoded, MODE)
        return self._written(_SWITCH.sub("", " ".join(ipa for ipa, _ in read if ipa)).strip())

    def _written_raw(self, ipa: str) -> str:
        """IPA that was given, in which the sounds of two letters have no tie, or another one."""
        ipa = ipa.replace("\u0361", "").replace("\u035c", "")
        tied = [old for old, _ in (*_TABLE, *_ENGLISH_FIRST, *_BRITISH, *_AMERICAN) if "^" in old]
        for sound in tied:
            if len(sound) == len("a^b"):
                ipa = ipa.replace(sound.replace("^", ""), sound)
        return self._written(ipa)

    def _written(self, ipa: str) -> str:
        if not self._voice.startswith("en"):
            return _replaced(ipa, _TABLE)
        ipa = _replaced(ipa, _ENGLISH_FIRST)
        ipa = _SYLLABIC.sub(r"ᵊ\1", ipa).replace("\u0329", "")
        ipa = _replaced(ipa, _BRITISH if self._voice == BRITISH else _AMERICAN)
        return _replaced(ipa, _ENGLISH_LAST)


def _sign(mark: str) -> str:
    return mark.replace("«", "“").replace("»", "”").replace("[", "(").replace("]", ")")


def _replaced(text: str, table: tuple[tuple[str, str], ...]) -> str:
    for old, new in table:
        text = text.replace(old, new)
    return text
