# ruff: noqa: RUF001
"""Numbers in the gender and case of their noun; what is said of nouns that are in no table."""

from pathlib import Path

import pytest

from vdx.core.events import Clause
from vdx.speech.text.normalise import Normaliser
from vdx.speech.text.normalise.agreement import Nouns, nouns_of_language
from vdx.speech.text.normalise.words import DATA, spoken_languages


def said(text: str, language: str) -> str:
    return Normaliser(language).clause(Clause(text, 0, len(text))).text


@pytest.mark.parametrize("file", sorted((DATA / "nouns").glob("*.yaml")), ids=lambda f: f.stem)
def test_every_file_of_nouns_is_read(file: Path) -> None:
    assert file.stem in spoken_languages()
    nouns = nouns_of_language(file.stem)
    assert nouns is not None
    assert nouns.suffixes
    genders = {"masculine", "feminine", "neuter", "uno"}
    assert nouns.nouns.keys() <= genders


def test_a_language_whose_numbers_do_not_agree_has_no_file() -> None:
    assert nouns_of_language("en") is None
    assert nouns_of_language("xx") is None


def test_the_longest_ending_counts_and_a_listed_noun_before_all() -> None:
    nouns = Nouns(
        suffixes={"one": {"feminine": "a", "masculine": "ema"}}, nouns={"feminine": "crema"}
    )
    told = {noun: nouns.ruleset("one", "", [noun]) for noun in ("casa", "tema", "crema", "sol")}
    assert told == {"casa": "feminine", "tema": "masculine", "crema": "feminine", "sol": ""}


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("es", "La página 1 tabla", "La página uno tabla"),
        ("es", "2,5 personas", "dos coma cinco personas"),
        ("es", "007 personas", "cero cero siete personas"),
        ("es", "En 1991 las", "En mil novecientos noventa y uno las"),
        ("de", "Gleis 1 Nord", "Gleis eins Nord"),
        ("de", "1 und 2", "eins und zwei"),
        ("ru", "2 × 3", "два умножить на три"),
        ("ru", "2 млн книг", "два миллиона книг"),
        ("ru", "1 и 2", "один и два"),
        ("it", "21 persone", "ventuno persone"),
    ],
)
def test_what_is_no_count_of_nouns_is_said_as_before(language: str, text: str, words: str) -> None:
    assert said(text, language) == words
