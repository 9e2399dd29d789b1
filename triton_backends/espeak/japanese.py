"""Numerals of kanji in digits, which are all that espeak-ng's Japanese voice can read of them.

Own code: no library that is well kept gives the offsets, which word times need.
"""

import re
from typing import Final, NamedTuple

_DIGITS: Final = {char: value for value, char in enumerate("〇一二三四五六七八九")} | {"零": 0}
_TENS: Final = {"十": 10, "百": 100, "千": 1000}
_MYRIADS: Final = {"万": 10**4, "億": 10**8, "兆": 10**12}
_NUMERAL: Final = "".join((*_DIGITS, *_TENS, *_MYRIADS))
_NUMBER: Final = re.compile(
    rf"(?<![\d{_NUMERAL}])([{_NUMERAL}]+)(?:[点・]([{''.join(_DIGITS)}]+))?(?![\d{_NUMERAL}])"
)


class Rewritten(NamedTuple):
    """`offsets[i]` is where `text[i]` stood in the original; the last one is its length.

    The digits of a number are spread over its numerals: espeak-ng times "3." and "14" apart.
    """

    text: str
    offsets: tuple[int, ...]


def in_digits(text: str) -> Rewritten:
    """The text with "千二百" as "1200" and "三点一四" as "3.14".

    A numeral inside a word ("一緒") becomes a digit as well: the voice reads neither.
    """
    pieces, offsets, at = list[str](), list[int](), 0
    for match in _NUMBER.finditer(text):
        start, end = match.span()
        number = _whole(match[1])
        if match[2]:
            number += "." + "".join(str(_DIGITS[char]) for char in match[2])
        pieces += [text[at:start], number]
        offsets += [
            *range(at, start),
            *(start + i * (end - start) // len(number) for i in range(len(number))),
        ]
        at = end
    pieces.append(text[at:])
    return Rewritten("".join(pieces), (*offsets, *range(at, len(text) + 1)))


def _whole(numeral: str) -> str:
    if all(char in _DIGITS for char in numeral):  # digit by digit: a year, a telephone number
        return "".join(str(_DIGITS[char]) for char in numeral)
    total = below = digits = 0
    for char in numeral:
        if char in _DIGITS:
            digits = 10 * digits + _DIGITS[char]
        elif char in _TENS:
            below += (digits or 1) * _TENS[char]
            digits = 0
        else:
            total += (below + digits or 1) * _MYRIADS[char]
            below = digits = 0
    return str(total + below + digits)
