"""What only English writes so: streets, feet and inches, cents, thousands with a "k".

Each is brought into a form that the rules behind know.
"""

import re
from typing import Final

from vdx.speech.text.normalise.spans import SpanText, ends_text
from vdx.speech.text.normalise.words import Words

_STREETS: Final = {
    "st": "Street", "ave": "Avenue", "blvd": "Boulevard", "rd": "Road", "ln": "Lane", "dr": "Drive",
    "hwy": "Highway", "sq": "Square",
}  # fmt: skip
_STREET: Final = re.compile(
    rf"\b([A-Z][a-z]+|\d+(?:st|nd|rd|th)) ((?i:{'|'.join(_STREETS)}))\b\.?+(?!\s[A-Z]|['’\w-])"
)
_WITH: Final = re.compile(r"(?<!\S)w/\s?(?=\w)(?!o\b)")
_FLAT: Final = re.compile(r"\b[Aa]pt\.?(?=\s\d)")
_FEET_AND_INCHES: Final = re.compile(r"(?<![\w.])(\d{1,2})['′]\s?(\d{1,2})(?:[\"″]|''|(?!\w))")
_INCHES: Final = re.compile(r"(?<![\w.,:/])(\d[\d./]*|[\u00bc-\u00be])[\"″](?!\w)")
_QUOTE: Final = re.compile(r'(?<!\d)"')
_INCHES_OVER: Final = re.compile(r"(?<=ft )(\d+) in\b(?!\s[a-z])")
_INCHES_SHORT: Final = re.compile(r"(?<![\w.,:/])(\d[\d./]*) in\.(?!\w)")
_CENTS: Final = re.compile(r"(?<![\w.,])(\d+)\s?¢")
_THOUSANDS: Final = re.compile(r"(?<![\w.,])(\d+\.\d+|\d{3,})k(?![\w-])")
_RESOLUTION: Final = re.compile(r"(?<=\d{3})x(?=\d{3})")
_TIME: Final = re.compile(r"(?<![\d.,:])(1?\d)\.([0-5]\d)(?=\s?[ap]\.?m\b)", re.IGNORECASE)


def short_words(text: SpanText, words: Words) -> SpanText:
    """ "Main St.", where "St. Peter" is a saint; "w/ milk"."""
    if words.language != "en":
        return text

    def say(match: re.Match[str]) -> str | None:
        if not match[2][0].isupper() or match[2].isupper():
            return None
        dot = "." if match[0].endswith(".") and ends_text(match) else ""
        return f"{match[1]} {_STREETS[match[2].lower()]}{dot}"

    return (
        text.rewrite(_STREET, say)
        .rewrite(_FLAT, lambda _: "apartment")
        .rewrite(_WITH, lambda _: "with ")
    )


def english_forms(text: SpanText, words: Words) -> SpanText:
    """Feet and inches, cents, thousands, "1920x1080", "10.30 am"."""
    if words.language != "en":
        return text
    text = text.rewrite(_FEET_AND_INCHES, lambda m: f"{m[1]} ft {m[2]} {_inch(m[2])}")
    text = text.rewrite(_INCHES, _inches)
    text = text.rewrite(
        _INCHES_SHORT, lambda m: f"{m[1]} {_inch(m[1])}" + ("." if ends_text(m) else "")
    )
    text = text.rewrite(_INCHES_OVER, lambda m: f"{m[1]} {_inch(m[1])}")
    text = text.rewrite(_CENTS, lambda m: f"{m[1]} {'cent' if m[1] == '1' else 'cents'}")
    text = text.rewrite(_THOUSANDS, lambda m: f"{m[1]} thousand")
    text = text.rewrite(_RESOLUTION, lambda _: " by ", parted=False)
    return text.rewrite(_TIME, lambda m: f"{m[1]}:{m[2]}")


def _inches(match: re.Match[str]) -> str | None:
    """A quotation mark behind a digit, unless it closes a quotation."""
    if len(_QUOTE.findall(match.string[: match.start()])) % 2:
        return None
    return f"{match[1]} {_inch(match[1])}"


def _inch(number: str) -> str:
    return "inch" if number in ("1", "1/4", "1/2", "3/4", "1/8") else "inches"
