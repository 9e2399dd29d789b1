"""Japanese, read by OpenJTalk and written by misaki's Cutlet, the front end of Kokoro's reference.

The reference has the readings from MeCab and UniDic, half a gigabyte without a wheel; here they are
OpenJTalk's. The libraries are an extra of about 40 MB, `requirements/japanese.txt`.
"""

import re
import threading
from types import SimpleNamespace
from typing import Any

from triton_backends.kokoro.spoken import Spoken
from triton_backends.shared.word_spans import owners

SYMBOLS = "記号"
"""The part of speech of punctuation: it is read as it is written."""
_STRAY = re.compile("(?<=[ンーッんっ])[ァィゥェォャュョヮぁぃぅぇぉゃゅょゎ]")
"""A small kana after a sound that has no vowel to change, which Cutlet does not expect; the kana of
usual size is the next character."""
KNOWN = 6
"""MeCab's kind of character of a word in the dictionary."""


class JapaneseFrontEnd:
    """Raises ImportError where the libraries are not installed."""

    def __init__(self) -> None:
        import pyopenjtalk
        from misaki import cutlet

        self._openjtalk: Any = pyopenjtalk
        # Its constructor asks for a dictionary of MeCab.
        self._cutlet: Any = cutlet.Cutlet.__new__(cutlet.Cutlet)
        self._cutlet.tagger = self._words
        self._cutlet.table = dict(cutlet.HEPBURN)
        self._cutlet.exceptions = {}
        self._lock = threading.Lock()
        self._found: list[str] = []

    def read(self, text: str) -> Spoken:
        with self._lock:
            self._found = []
            symbols = self._phonemes(text)
            words = self._found
            spans = _spans(text, words)
            owned = owners(symbols, words, self._alone)
        return Spoken(symbols, tuple(owned), spans)

    def _alone(self, word: str) -> str:
        return self._phonemes(word) if any(map(str.isalnum, word)) else ""

    def _phonemes(self, text: str) -> str:
        written: str = self._cutlet(text)[0] if text.strip() else ""
        return written.replace("[", "(").replace("]", ")")

    def _words(self, text: str) -> list[SimpleNamespace]:
        """In the place of MeCab's tagger."""
        found = []
        for node in self._openjtalk.run_frontend(text, use_vanilla=True):
            plain = node["pos"] == SYMBOLS
            reading = node["string"] if plain else node["pron"].replace("’", "")
            reading = _STRAY.sub(lambda small: chr(ord(small.group()) + 1), reading)
            feature = SimpleNamespace(pron=reading, kana=reading)
            found.append(
                SimpleNamespace(
                    surface=node["string"], feature=feature, char_type=KNOWN, is_unk=False
                )
            )
        self._found = [each.surface for each in found]
        return found


def _spans(text: str, words: list[str]) -> list[tuple[int, int]]:
    """Where each word is in the text; one that is written otherwise there is what lies between."""
    places: list[int] = []
    at = 0
    for word in words:
        place = text.find(word, at)
        places.append(place)
        at = place + len(word) if place >= 0 else at
    spans: list[tuple[int, int]] = []
    at = 0
    for index, (word, place) in enumerate(zip(words, places, strict=True)):
        if place < 0:
            later = (each for each in places[index + 1 :] if each >= 0)
            end = next(later, len(text))
            spans.append((at, end))
        else:
            spans.append((place, place + len(word)))
        at = spans[-1][1]
    return spans
