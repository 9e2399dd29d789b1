"""Mandarin voices of Piper: characters to pinyin to ids, grouped as the reference groups them.

The reading of a character comes from pypinyin's dictionary of words, where piper-tts asks a network
(g2pW) that is no part of it; what a reading becomes is what piper-tts makes of it.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator

from triton_backends.piper.config import BOS, EOS, PAD, VoiceConfig
from triton_backends.piper.phonemes import NO_WORD, Phoneme, Sentence, bounded
from triton_backends.shared.word_spans import words_of

INITIALS = (*("zh", "ch", "sh"), *"bpmfdtnlgkhjqxrzcsyw")
NO_INITIAL = "Ø"
DIGITS = dict(zip("0123456789.-", "零一二三四五六七八九点负", strict=True))
TONES = frozenset("12345")
PAUSES = frozenset("。.？?！!—…、，,：:；; ")
LETTERS = frozenset("bpmfdtnlgkhjqxrzcsywaoeiuv12345Ø^$_")
"""What the reference lets stand for itself where it is written."""
_QUOTES = frozenset('“”"')
_SYLLABLE = re.compile(r"([a-zü:]+)([1-5])")
_TEMPERATURE = re.compile(r"([-−])?(\d+)\s*(?:°\s*C|℃)")
_PERCENT = re.compile(r"(-?\d+(?:\.\d+)?|[零〇一二三四五六七八九十百千万亿两点]+)\s*[%％]")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")

Owned = list[tuple[str, int]]
"""Characters, each with the index of its word."""


class PinyinPhonemizer:
    """Text to sentences, for one voice with phoneme_type "pinyin"."""

    calibration_text = "今天天气很好，我们先去公园散步，再回家做饭，晚上一起看书。"

    def __init__(self, config: VoiceConfig) -> None:
        from unicode_rbnf import RbnfEngine

        self._table = config.phoneme_ids
        self._numbers = RbnfEngine.for_language("zh")

    def sentences(self, text: str) -> list[Sentence]:
        """The sentences of `text` that have anything to say."""
        found = self.phonemes(text)
        return [self._with_ids(part) for phonemes in found for part in bounded(phonemes)]

    def phonemes(self, text: str) -> list[list[Phoneme]]:
        """Initial, final and tone of every syllable and the signs between them, by sentence."""
        from sentence_stream import stream_to_sentences

        owned = zip(text, words_of(text), strict=True)
        plain = [(character, word) for character, word in owned if character not in _QUOTES]
        found: list[list[Phoneme]] = []
        at = 0
        for sentence in stream_to_sentences(["".join(character for character, _ in plain)]):
            at, own = _following(plain, at, sentence)
            found.append(list(self._spoken(self._in_words(own))))
        return found

    def _in_words(self, sentence: Owned) -> Owned:
        def temperature(found: re.Match[str]) -> str:
            return f"{'零下' if found[1] else ''}{self._number(found[2])}度"

        def percent(found: re.Match[str]) -> str:
            return f"百分之{_NUMBER.sub(lambda number: self._number(number[0]), found[1])}"

        sentence = _rewritten(sentence, _TEMPERATURE, temperature)
        sentence = _rewritten(sentence, _PERCENT, percent)
        return _rewritten(sentence, _NUMBER, lambda found: self._number(found[0]))

    def _number(self, digits: str) -> str:
        from unicode_rbnf.engine import NoRuleForNumberError

        try:
            return str(self._numbers.format_number(digits).text)
        except (NoRuleForNumberError, ValueError):  # such as that of a bank card
            plain = unicodedata.normalize("NFKC", digits)
            return "".join(DIGITS.get(digit, digit) for digit in plain)

    def _spoken(self, sentence: Owned) -> Iterator[Phoneme]:
        readings = _readings("".join(character for character, _ in sentence))
        for (character, word), reading in zip(sentence, readings, strict=True):
            if reading:
                yield from (Phoneme(symbol, word) for symbol in _parts(reading))
            elif character in PAUSES or character in LETTERS:
                yield Phoneme(character, word)

    def _with_ids(self, phonemes: list[Phoneme]) -> Sentence:
        """Padding follows a syllable or a sign, not every phoneme."""
        table, pad = self._table, self._table[PAD]
        ids, words = [*table[BOS]], [NO_WORD] * len(table[BOS])
        for phoneme in phonemes:
            own = table.get(phoneme.symbol)
            if own is None:  # one the voice does not know is left out, as the reference does
                continue
            ends_group = phoneme.symbol in TONES or phoneme.symbol in PAUSES
            added = [*own, *pad] if ends_group else [*own]
            ids += added
            words += [phoneme.word] * len(added)
        ids += table[EOS]
        return Sentence(tuple(ids), (*words, *[NO_WORD] * len(table[EOS])))


def _following(text: Owned, at: int, sentence: str) -> tuple[int, Owned]:
    """The characters of `sentence`, which is `text` from `at` on with some left out."""
    found: Owned = []
    for character in sentence:
        while text[at][0] != character:
            at += 1
        found.append(text[at])
        at += 1
    return at, found


def _rewritten(
    sentence: Owned, pattern: re.Pattern[str], written: Callable[[re.Match[str]], str]
) -> Owned:
    """As `re.sub`; what is written belongs to the word it stands for."""
    found: Owned = []
    at = 0
    for match in pattern.finditer("".join(character for character, _ in sentence)):
        word = sentence[match.start()][1]
        found += sentence[at : match.start()]
        found += [(character, word) for character in written(match)]
        at = match.end()
    return found + sentence[at:]


def _readings(sentence: str) -> list[str]:
    """Pinyin with its tone as a number for every character, empty for what has none."""
    from pypinyin import Style, lazy_pinyin

    readings: list[str] = lazy_pinyin(
        sentence,
        style=Style.TONE3,
        neutral_tone_with_five=True,
        errors=lambda signs: [""] * len(signs),
    )
    return readings


def _parts(reading: str) -> tuple[str, ...]:
    """ "hang2" -> "h", "ang", "2"; what is no syllable stays whole."""
    syllable = _SYLLABLE.fullmatch(reading.replace("u:", "v").replace("ü", "v"))
    if syllable is None:
        return (reading,)
    sounds, tone = syllable.groups()
    initial = next((each for each in INITIALS if sounds.startswith(each)), "")
    final = sounds.removeprefix(initial)
    return (initial or NO_INITIAL, final, tone) if final else (syllable[0],)
