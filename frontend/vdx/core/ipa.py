"""The symbols of the International Phonetic Alphabet (2020 chart) that voices are given."""

import unicodedata
from typing import Final

_CONSONANTS: Final = (
    "bcdfghjklmnpqrstvwxzçðħŋɓɕɖɗɟɠɡɢɣɥɦɧɫɬɭɮɰɱɲɳɴɸɹɺɻɽɾʀʁʂʃʄʈʋʍʎʐʑʒʔʕʙʛʜʝʟʡʢʤʦʧʣβθχⱱ"
)
_VOWELS: Final = "aeiouyæøœɐɑɒɔɘəɚɛɜɝɞɤɨɪɯɵɶʉʊʌʏᵻ"
_CLICKS: Final = "ʘǀǁǂǃ"
_MARKS: Final = "ˈˌːˑ.|‖ʰʲʷˠˤⁿˡ˞ʼ"
_COMBINING: Final = (
    "\u0303\u0325\u0329\u032a\u032c\u032f\u0361\u035c\u0306\u0308\u031a\u0320\u031f\u02de"
)
SYMBOLS: Final = frozenset(_CONSONANTS + _VOWELS + _CLICKS + _MARKS + _COMBINING)

LONGEST_WORD, LONGEST_SAID = 60, 150
"""Characters of an entry of a pronunciation lexicon."""


def unknown_symbols(ipa: str) -> list[str]:
    """The characters of `ipa` that are none of the alphabet, in their order, each once."""
    letters = unicodedata.normalize("NFD", ipa).replace("c\u0327", "ç")
    return list(dict.fromkeys(char for char in letters if char not in SYMBOLS))


def check_pronunciation(word: str, said: str) -> None:
    """Raises ValueError, naming what is wrong, for an entry that cannot be spoken."""
    if not word.strip() or word != word.strip() or len(word) > LONGEST_WORD:
        raise ValueError(f"{word!r} is no word: 1 to {LONGEST_WORD} characters, no space around it")
    if not any(map(str.isalnum, word)):
        raise ValueError(f"{word!r} has no letter or digit")
    if not any(map(str.isalnum, said)) or len(said) > LONGEST_SAID:
        raise ValueError(f"{word!r} has nothing to say in {said!r:.50}, or is longer than a clause")
    if said.startswith("/") != said.endswith("/") or said.count("/") > 2:
        raise ValueError(f"{word!r}: IPA stands between two slashes, not as in {said!r}")
    if said.startswith("/") and (unknown := unknown_symbols(said[1:-1])):
        raise ValueError(f"{word!r}: no symbols of IPA in {said}: {' '.join(unknown)}")
    if "[[" in said or "]]" in said:
        raise ValueError(f"{word!r}: [[ and ]] cannot be spoken")
