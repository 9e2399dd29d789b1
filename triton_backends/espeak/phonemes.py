"""IPA between [[ and ]], rewritten in the mnemonics that espeak-ng takes there.

Each language has its own mnemonics, and the library gives no table of them. So a language is asked
how it says some thousands of syllables, once as mnemonics and once as IPA, and the table is what
both have at the same place (espeak-ng 1.52, `espeak_TextToPhonemes` with a separator).
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import product

from triton_backends.espeak.japanese import Rewritten

RAW = re.compile(r"\[\[\s*([^\[\]\s]+)\s*\]\]")
SEPARATOR = "\ue000"
_SWITCHED = "("
"""Around what a language reads by the rules of another, whose mnemonics it does not have."""
_STRESSES = {"ˈ": "'", "ˌ": ","}
_TIES = str.maketrans("", "", "\u0361\u035c.|‖")
_ALIKE = {"r": "ɹ", "ɹ": "r", "ɡ": "g", "ɛ": "e", "e": "ɛ", "ɒ": "ɔ", "ɔ": "ɒ", "a": "æ", "æ": "a"}
"""What stands in for a sound that a language lacks."""
_ALPHABETS = (("aeiouy", "bcdfghjklmnpqrstvwxz"), ("аеиоуыэюя", "бвгджзклмнпрстфхцчшщ"))

Read = Callable[[str], tuple[str, str]]
"""The phonemes of a text as mnemonics and as IPA, parted by SEPARATOR."""


def mnemonics_of(read: Read) -> dict[str, str]:
    """IPA -> the mnemonic that most often stands for it, of the language that `read` reads."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for syllable in _syllables():
        mnemonics, ipa = read(syllable)
        if _SWITCHED in ipa:
            continue
        names, sounds = (_parts(each) for each in (mnemonics, ipa))
        if len(names) == len(sounds):
            for name, sound in zip(names, sounds, strict=True):
                if name and sound:
                    found[sound][name] += 1
    return {sound: names.most_common(1)[0][0] for sound, names in found.items()}


def rewritten(text: str, table: Mapping[str, str]) -> Rewritten:
    """The text with its IPA as mnemonics; a sound that the language has not is left out."""
    pieces, offsets, at = list[str](), list[int](), 0
    for match in RAW.finditer(text):
        start, end = match.span()
        said = f"[[{_in_mnemonics(match[1], table)}]]"
        pieces += [text[at:start], said]
        inside = (start + i * (end - start) // len(said) for i in range(len(said)))
        offsets += [*range(at, start), *inside]
        at = end
    pieces.append(text[at:])
    offsets += range(at, len(text) + 1)
    return Rewritten("".join(pieces), tuple(offsets))


def _in_mnemonics(ipa: str, table: Mapping[str, str]) -> str:
    letters = unicodedata.normalize("NFC", ipa.translate(_TIES))
    longest = max(map(len, table), default=1)
    said, at = list[str](), 0
    while at < len(letters):
        sizes = range(min(longest, len(letters) - at), 0, -1)
        size = next((n for n in sizes if letters[at : at + n] in table), 0)
        if size:
            said.append(table[letters[at : at + size]])
        elif (sign := _STRESSES.get(letters[at])) is not None:
            said.append(sign)
        else:
            said.append(table.get(_ALIKE.get(letters[at], ""), ""))
        at += size or 1
    return _parted(said)


def _parted(said: list[str]) -> str:
    """A bar keeps two mnemonics from being read as one, but follows no stress."""
    text = ""
    for part in filter(None, said):
        text += part if not text or text[-1] in "'," else f"|{part}"
    return text


def _syllables() -> Iterator[str]:
    for vowels, consonants in _ALPHABETS:
        yield from (*vowels, *consonants)
        yield from map("".join, product(consonants, vowels))
        yield from map("".join, product(vowels, consonants))
        yield from map("".join, product(consonants, vowels, vowels))
        yield from map("".join, product(consonants, consonants, vowels[:2]))
        yield from map("".join, product("bdt", vowels, consonants, ("", "e")))
        yield from map("".join, product("bdt", vowels, vowels, consonants))


def _parts(phonemes: str) -> list[str]:
    return [each.strip(" '%,=ˈˌ") for each in phonemes.replace(" ", SEPARATOR).split(SEPARATOR)]
