"""Numbers in the gender and case of the noun behind them: "две собаки", "veintiuna personas".

Neither CLDR nor a library that is light enough knows the gender of nouns. A language's file in
`data/nouns/` tells it by the ending of the noun in the form that the number asks for (CLDR's plural
category), and lists frequent nouns whose ending misleads. What is in neither is said as before,
in the masculine; so are nouns behind more than one adjective. Of cases, those that the
noun's own ending shows are told, and the genitive behind some prepositions; Ukrainian has no others
in CLDR.
"""

import functools
import re
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any, Final

from vdx.speech.text.normalise import icu, numerals
from vdx.speech.text.normalise.calendar import before
from vdx.speech.text.normalise.measures import CODES, units_of
from vdx.speech.text.normalise.spans import LEFT, RIGHT, SpanText
from vdx.speech.text.normalise.words import DATA, Words

Suffixes = dict[str, dict[str, str]]
_OBLIQUE: Final = ("-ablative", "-instrumental", "-locative", "-dative")
_WORD: Final = r"[^\W\d_]+(?:['’-][^\W\d_]+)*"


@dataclass(frozen=True, slots=True)
class Nouns:
    """How the nouns of one language tell gender and case.

    `suffixes`: by plural category, what CLDR's rule set for numbers ends in ("feminine"), and the
    suffixes of nouns that ask for it; the longest counts. `nouns`: the same for whole words, in any
    form. Lists are words with spaces between. `only_one`: only 1 agrees. `capital`: a noun is
    written with one. `labels`: behind these a number is a name ("page 2"). `personal`: nouns
    that men are named by, in the genitive. `dative`: rule sets behind `dative_before`. `half`: by
    gender, what stands behind the noun for a half ("deux heures et demie"). Behind `years_behind`
    a number of four digits is a year.
    """

    suffixes: Suffixes = field(default_factory=dict)
    nouns: dict[str, str] = field(default_factory=dict)
    half: dict[str, str] = field(default_factory=dict)
    years_behind: str = ""
    adjectives: str = ""
    no_nouns: str = ""
    labels: str = ""
    only_one: bool = False
    capital: bool = False
    personal: str = ""
    genitive_before: str = ""
    dative_before: str = ""
    dative: dict[str, str] = field(default_factory=dict)

    def ruleset(self, category: str, previous: str, following: list[str]) -> str:
        """What CLDR's rule set ends in; empty where nothing is known."""
        noun = following[0]
        if previous in self.labels.split() or noun in self.no_nouns.split():
            return ""
        if previous in self.genitive_before.split():
            return self._genitive(category, following)
        if noun in self.personal.split():
            return "masculine-genitive"
        found = self.told_by(category, following)
        if previous in self.dative_before.split():
            return self.dative.get(found, found)
        return found

    def _genitive(self, category: str, following: list[str]) -> str:
        # After 1 a noun in the genitive has the ending that it has after 2.
        gender = self.told_by("few" if category == "one" else category, following)
        if gender.endswith(_OBLIQUE):
            return gender
        return f"{gender if gender == 'feminine' else 'masculine'}-genitive"

    def told_by(self, category: str, following: list[str]) -> str:
        """The same by the nouns alone."""
        for noun in following:
            for ruleset, listed in self.nouns.items():
                if noun in listed.split():
                    return ruleset
            if not noun.endswith(tuple(self.adjectives.split()) or " "):
                break
        else:
            return ""
        told = [
            (len(ending), ruleset)
            for ruleset, suffixes in self.suffixes.get(category, {}).items()
            for ending in suffixes.split() or [""]
            if noun.endswith(ending)
        ]
        return max(told)[1] if told else ""


@functools.cache
def nouns_of_language(language: str) -> Nouns | None:
    """The file of a language; None where numbers do not agree, or it has no file."""
    import yaml

    file = DATA / "nouns" / f"{language}.yaml"
    if not file.exists():
        return None
    written: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    if unknown := written.keys() - {each.name for each in fields(Nouns)}:
        raise ValueError(f"nouns/{file.name} has unknown keys: {', '.join(sorted(unknown))}")
    return Nouns(**written)


def before_nouns(text: SpanText, words: Words) -> SpanText:
    """Whole numbers with a noun behind them."""
    nouns = nouns_of_language(words.language)
    if nouns is None:
        return text
    number = numerals.of(words)
    no_nouns = {each.split()[0] for each in words.signs.values()}.union(
        units_of(words), words.scales, words.currency_words, words.ordinal_before, CODES
    )
    pattern = re.compile(rf"(?<![\w.,:/#№°$€£-])({number})(?=\s({_WORD})(?:\s({_WORD}))?)")

    def say(match: re.Match[str]) -> str | None:
        found = numerals.read(match[1], words)
        if found.fraction or (nouns.only_one and found.whole != "1"):
            return None
        is_year = len(match[1]) == len("2024") and before(match) in nouns.years_behind.split()
        if is_year or found.whole[0] == "0" or len(found.whole) > numerals.MOST_DIGITS:
            return None
        if {match[2], match[2].lower()} & no_nouns or (nouns.capital and not match[2][0].isupper()):
            return None
        following = [each if nouns.capital else each.lower() for each in match.groups()[1:] if each]
        category = icu.plural(words.language, found.value)
        ruleset = nouns.ruleset(category, before(match), following)
        if ruleset == "uno":
            return ruleset
        return numerals.gendered(found, words, ruleset) if ruleset else None

    return text.rewrite(pattern, say)


def halves(text: SpanText, words: Words) -> SpanText:
    """ "2½ heures": in Romance languages the half stands behind the noun, in its gender."""
    nouns = nouns_of_language(words.language)
    if nouns is None or not nouns.half:
        return text
    units = units_of(words)
    signs = "|".join(map(re.escape, sorted(units, key=len, reverse=True)))
    pattern = re.compile(
        rf"{LEFT}(\d+)(?:\s?½|[ \u00a0]1[/\u2044]2)\s?((?:{signs}){RIGHT}|{_WORD})(?![/²³])"
    )

    def say(match: re.Match[str]) -> str | None:
        noun = match[2].lower()
        if match[2] in units:
            gender = words.gender.get(units[match[2]], "masculine")
        elif noun in nouns.no_nouns.split():
            return None
        else:
            category = icu.plural(words.language, Decimal(match[1]))
            gender = nouns.told_by(category, [noun]) or nouns.told_by("one", [noun])
        half = nouns.half["feminine" if gender == "feminine" else "masculine"]
        return f"{match[1]} {match[2]} {half}"

    return text.rewrite(pattern, say)
