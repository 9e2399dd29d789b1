"""Brings the IPA of espeak-ng 1.52.0 to that of piper-tts, whose library was built a little later.

Both releases choose the same phonemes; three of them are written differently, depending on the
phoneme before. The rules were learned from, and checked on, 28,000 lines in 40 languages.
"""

SEPARATOR = "\ue000"

_STRESSES = "',%="
_VOWELS = frozenset("aeiouyæøœɐɑɒɔəɛɜɪɨɯɵʉʊʌɘɚɝɞᵻʏː")
_JOINED = frozenset({";", "I^"})


def as_piper_writes(ipa: str, mnemonics: str, voice: str) -> str:
    """The IPA of a clause, corrected; both strings have their phonemes parted by SEPARATOR."""
    words = zip(ipa.split(" "), mnemonics.split(" "), strict=False)
    german = voice.partition("-")[0] == "de"
    return " ".join(
        _word(ipas.split(SEPARATOR), names.split(SEPARATOR), german=german) for ipas, names in words
    )


def _word(ipas: list[str], names: list[str], *, german: bool) -> str:
    at = 0
    before = ""
    for position, name in enumerate(names):
        if at == len(ipas):
            break
        base = name.lstrip(_STRESSES)
        if base in _JOINED and at > 0 and len(ipas) - at < len(names) - position:
            continue  # written into the phoneme before it
        if base == ";" and ipas[at] in {"", "ˈ", "ˌ"}:
            ipas[at] += "ʲ"
        elif base == "*" and before.endswith("@-") and ipas[at] == "r":
            ipas[at] = "ɾ"
        elif german and base == "r" and ipas[at] == "ɾ" and _is_consonant(ipas, at - 1):
            ipas[at] = "r"
        before = base
        at += 1
    return "".join(ipas)


def _is_consonant(ipas: list[str], at: int) -> bool:
    return at >= 0 and bool(ipas[at]) and ipas[at][-1] not in _VOWELS
