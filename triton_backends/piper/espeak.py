"""Text to IPA by espeak-ng, clause by clause, as Piper's voices were trained on it."""

from dataclasses import dataclass

from triton_backends.piper.clauses import ending
from triton_backends.piper.ipa import SEPARATOR, as_piper_writes
from triton_backends.shared.espeak_library import IPA, EspeakLibrary, separated_by

MNEMONICS = separated_by(SEPARATOR)


@dataclass(frozen=True, slots=True)
class Clause:
    """`phonemes` is IPA, `sign` what ended it, `start` the character it begins at."""

    phonemes: str
    sign: str
    ends_sentence: bool
    start: int


class EspeakPhonemes:
    """The phonemizer of the espeakng-loader wheel; safe to call from any thread."""

    def __init__(self) -> None:
        self._library = EspeakLibrary()

    def has_voice(self, voice: str) -> bool:
        """Whether espeak-ng knows this language or voice."""
        return self._library.has_voice(voice)

    def clauses(self, voice: str, text: str) -> list[Clause]:
        """Every clause of `text`; raises LookupError when there is no such voice."""
        encoded = text.replace("\0", " ").encode(errors="replace")
        with self._library.speaking(voice):
            names = self._library.read(encoded, MNEMONICS)
            spoken = self._library.read(encoded, MNEMONICS | IPA)
        found = []
        start = 0
        for index, ((ipa, end), (mnemonics, _)) in enumerate(zip(spoken, names, strict=True)):
            source = encoded[start:end].decode(errors="ignore")
            sign, ends = ending(source, last=index == len(spoken) - 1) if ipa else ("", True)
            # The first character of a clause was read, to decide, with the clause before it.
            at = max(len(encoded[:start].decode(errors="ignore")) - 1, 0)
            phonemes = as_piper_writes(ipa, mnemonics, voice)
            found.append(Clause(phonemes, sign, ends, at))
            start = end
        return found
