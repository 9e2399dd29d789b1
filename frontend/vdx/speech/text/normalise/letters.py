"""Abbreviations, addresses, and characters that are written in another form."""

import functools
import re
import unicodedata
from typing import Final

from vdx.speech.text.languages import Language, language_table, table_language
from vdx.speech.text.normalise.spans import SpanText, ends_text
from vdx.speech.text.normalise.words import Words

_DOTTED: Final = re.compile(r"(?<![\w.])(?:[^\W\d_]\.){2,}(?![^\W\d_])")
_INITIAL: Final = re.compile(r"(?<![\w.])([^\W\d_])\.(?=\s[^\W\d_])")
_EMAIL: Final = re.compile(r"(?<![\w.@])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_SITE: Final = re.compile(
    r"(?<![\w.@/])(?:[a-z0-9-]+\.)+(?:com|org|net|io|ai|dev|edu|gov|info|de|fr|es|it|pt|nl|pl|ru|ua"
    r"|tr|cn|jp|kr|in|uk|eu|app|me|tv|co)(?:/[\w./-]*\w)?(?![\w.@]*@)(?!\w)",
    re.IGNORECASE | re.ASCII,
)


def compatible(text: SpanText, language: str) -> SpanText:
    """Full-width letters, digits and signs, ligatures and digits of other scripts, made plain.

    Marks between clauses stay as they are in the languages whose they are.
    """
    text = text.rewrite(_COMPATIBLE, lambda m: _plain(m[0]), parted=False)
    if table_language(language) in _WIDE_LANGUAGES:
        return text
    return text.rewrite(_WIDE_MARKS, _narrow, parted=False)


def _narrow(match: re.Match[str]) -> str:
    """A mark between clauses with the white space that is part of a full-width one."""
    mark = _plain(match[0])
    before, after = match.string[: match.start()][-1:], match.string[match.end() :][:1]
    if mark == "(":
        return f" {mark}" if before.isalnum() else mark
    return f"{mark} " if after.isalnum() else mark


_COMPATIBLE: Final = re.compile(
    "["
    "\uff02\uff04-\uff07\uff0a\uff0b\uff0d\uff0f-\uff19\uff1d\uff20-\uff3a\uff3f\uff41-\uff5a"
    "\uffe0\uffe1\uffe5\uffe6"  # full-width
    "\ufb00-\ufb06\u3380-\u33df"  # ligatures, units in one character
    "\uff66-\uff9f\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\u2460-\u2473\u2160-\u2188"
    "\u1d49\u02b3\u2080-\u2089\U0001d400-\U0001d7ff"
    "]+"
    r"|(?<=\d)[\uff1a\uff0e\u066b\u066c](?=\d)|(?<=\d)\uff0c(?=\d{3}(?!\d))"
    r"|\uff03(?=\d)|(?<=\d)\s?[\uff1c\uff1e]|[\uff1c\uff1e](?=\s?\d)"
)
_WIDE_LANGUAGES: Final = ("zh", "cmn", "yue", "wuu", "ja")
_WIDE_MARKS: Final = re.compile("[\uff01\uff08\uff09\uff0c\uff0e\uff1a\uff1b\uff1f]")
_ARABIC_MARKS: Final = str.maketrans("\u066b\u066c", ".,")


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).translate(_ARABIC_MARKS)
    return "".join(str(unicodedata.digit(c)) if c.isdecimal() else c for c in text)


def addresses(text: SpanText, words: Words) -> SpanText:
    """E-mail addresses and names of sites, with the words for their signs."""
    at, dot = words.signs["at"], words.signs["dot"]

    def mail(match: re.Match[str]) -> str:
        return _dotted(match[0].replace("@", f" {at} "), dot)

    def site(match: re.Match[str]) -> str | None:
        return None if match[0].casefold() in words.abbreviations else _dotted(match[0], dot)

    return text.rewrite(_EMAIL, mail).rewrite(_SITE, site)


def _dotted(address: str, dot: str) -> str:
    return " ".join(address.replace(".", f" {dot} ").replace("/", " ").replace("_", " ").split())


def abbreviations(text: SpanText, words: Words) -> SpanText:
    """Abbreviations in full, or without their dots, which a voice would end a sentence at."""
    for pattern, table in _patterns(words.language):
        said = {key.replace(" ", ""): value for key, value in table.items()}

        def say(match: re.Match[str], said: dict[str, str] = said) -> str | None:
            if match[1].isupper() and match[1].isalpha() and len(match[1]) > 1:
                return None  # "EST." is a name at the end of a sentence
            full = said.get(re.sub(r"[\s\u00a0]", "", match[1]).casefold(), match[1])
            if "|" in full:  # "D. João", "D. Maria"
                name = (match.string[match.end() :].split() or [""])[0]
                full = full.split("|")[name.endswith("a")]
            return full + ("." if ends_text(match) and match[0].endswith(".") else "")

        text = text.rewrite(pattern, say)
    text = text.rewrite(_DOTTED, _letters)
    return text.rewrite(_INITIAL, lambda m: m[1] if m[1].isupper() else None)


def _letters(match: re.Match[str]) -> str:
    said = " ".join(match[0].replace(".", " ").split()).upper()
    return said + ("." if ends_text(match) else "")


@functools.cache
def _patterns(language: str) -> tuple[tuple[re.Pattern[str], dict[str, str]], ...]:
    from vdx.speech.text.normalise.words import words_of_language

    words, table = words_of_language(language), language_table(language)
    if words is None:
        return ()
    found = []
    for keys, said, ahead in (
        (_known(table, words) | words.abbreviations.keys(), words.abbreviations, ""),
        (
            table.number_abbreviations | words.number_abbreviations.keys(),
            words.number_abbreviations,
            r"(?=\s?[+(]?\d|\s(?-i:[IVXL]+)\b)",
        ),
    ):
        if keys:
            alternatives = "|".join(map(_spaced, sorted(keys, key=len, reverse=True)))
            # "sig.ra" has its dot inside.
            expression = (
                rf"(?<![\w.])(?<!\.[-–])({alternatives})(?:\.|(?<=\.\w\w)|(?<=\.ssa)){ahead}(?!\w)"
            )
            found.append((re.compile(expression, re.IGNORECASE), said))
    if words.words:
        expression = rf"\b({'|'.join(words.words)})\b\.?"
        found.append((re.compile(expression, re.IGNORECASE), words.words))
    return tuple(found)


def _known(table: Language, words: Words) -> set[str]:
    """Abbreviations of which only the dot goes; single letters may be words."""
    numbers = words.number_abbreviations.keys() - words.abbreviations.keys()
    return {k for k in table.abbreviations | table.closing_abbreviations if len(k) > 1} - numbers


def _spaced(key: str) -> str:
    """ "z.B." is also written "z. B."."""
    return re.escape(key).replace(r"\.", r"\.[ \u00a0]?")
