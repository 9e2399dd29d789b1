"""Fractions, and every number that no other rule has said."""

import re
import unicodedata
from typing import Final

from vdx.speech.text.normalise import icu, numerals
from vdx.speech.text.normalise.numerals import Number
from vdx.speech.text.normalise.signs import spaced
from vdx.speech.text.normalise.spans import LEFT, RIGHT, SpanText
from vdx.speech.text.normalise.words import Words

_FRACTIONS: Final = re.compile(
    rf"{LEFT}(?<!/)(?:(\d+)[ \u00a0])?(\d{{1,3}})[/\u2044](\d{{1,3}}){RIGHT}(?![\d/]|[.,]\d)"
)
_VULGAR: Final = re.compile(r"(\d+)?\s?([\u00bc-\u00be\u2150-\u215e])")


def fractions(text: SpanText, words: Words) -> SpanText:
    """ "1/2", "2 1/2", "½": those with a name by it, others one number over another."""

    def vulgar(match: re.Match[str]) -> str:
        plain = unicodedata.normalize("NFKC", match[2]).replace("\u2044", "/")
        return f"{match[1]} {plain}" if match[1] else plain

    def say(match: re.Match[str]) -> str | None:
        if match[3] == "0" * len(match[3]):
            return None
        said = words.fractions.get(f"{match[2]}/{match[3]}")
        if said is None:
            above, below = (numerals.said(Number(match[i]), words) for i in (2, 3))
            said = words.over.format(a=above, b=below)
        elif match[1] and match[2] == "1" and words.half and match[3] == "2":
            said = words.half
        if not match[1]:
            return said
        whole = numerals.said(Number(match[1]), words)
        return words.and_fraction.format(whole=whole, fraction=said)

    return text.rewrite(_VULGAR, vulgar).rewrite(_FRACTIONS, say)


def numbers(text: SpanText, words: Words) -> SpanText:
    """Every number that no rule before has said; versions and addresses part by part."""
    dot = words.signs["dot"] if words.language != "en" else words.point
    text = text.rewrite(
        re.compile(r"(?<![\d.])\d+(?:\.\d+){2,}"),
        lambda m: f" {dot} ".join(numerals.said(Number(each), words) for each in m[0].split(".")),
    )
    hash_sign = re.compile(r"(?:#|№\s?)(?=\d)")
    said = words.signs["number"]
    text = text.rewrite(re.compile(rf"\b{said}\s#(?=\d)"), lambda _: f"{said} ")
    text = text.rewrite(hash_sign, lambda _: spaced(words, "number"))
    text = text.rewrite(re.compile(r"§\s?(?=\d)"), lambda _: spaced(words, "section"))
    if words.native_before:
        things = "|".join(words.native_before.split())
        text = text.rewrite(
            re.compile(rf"(?<![\d.,])(\d{{1,2}})(?=\s?(?:{things}))"),
            lambda m: icu.spelled(
                words.language, int(m[1]), "spellout-cardinal-native-attributive"
            ),
        )
    pattern = re.compile(rf"(?<![\d.,]){numerals.of(words)}")
    text = text.rewrite(pattern, lambda m: numerals.said(numerals.read(m[0], words), words))
    return text.rewrite(re.compile(r"\d+"), lambda m: numerals.said(Number(m[0]), words))
