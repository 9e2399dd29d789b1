"""Language tags: what of them vdx looks at."""

import pytest
from langcodes import Language

from vdx.core.language_tags import LanguageTag, parse_tag, primary_subtag, serves


@pytest.mark.parametrize(
    ("tag", "parts"),
    [
        ("de-AT", ("de", "", "AT")),
        ("de_at", ("de", "", "AT")),
        ("DE", ("de", "", "")),
        ("zh-Hant-TW", ("zh", "Hant", "TW")),
        ("cmn-Hans", ("zh", "Hans", "")),
        ("zh-yue", ("yue", "", "")),
        ("zh-min-nan", ("nan", "", "")),
        ("es-419", ("es", "", "419")),
        ("en-GB-oxendict", ("en", "", "GB")),
        ("iw", ("he", "", "")),
        ("jw", ("jv", "", "")),
        ("sh", ("sr", "", "")),
        ("deu", ("de", "", "")),
        ("i-klingon", ("tlh", "", "")),
        ("en-GB-x-rp", ("en", "", "GB")),
    ],
)
def test_the_parts_of_a_tag(tag: str, parts: tuple[str, str, str]) -> None:
    assert parse_tag(tag) == LanguageTag(*parts)


@pytest.mark.parametrize(
    "text", ["", "*", "-", "de-", "english!", "d", "dé", "de-" + "a1234-" * 20]
)
def test_what_is_no_tag(text: str) -> None:
    assert parse_tag(text) is None
    assert primary_subtag(text.upper()) == text.lower()


@pytest.mark.parametrize(
    ("languages", "tag", "served"),
    [
        (["en-GB"], "en_US", True),
        (["he"], "iw", True),
        (["zh-CN"], "cmn", True),
        (["zh"], "yue", False),
        (["no"], "sv", False),
        (["de", "*"], "tlh", True),
        ([], "en", False),
    ],
)
def test_languages_are_compared_in_their_current_form(
    languages: list[str], tag: str, served: bool
) -> None:
    assert serves(languages, tag) is served


def test_tags_of_clients_are_not_kept() -> None:
    kept = len(Language._PARSE_CACHE) + len(Language._INSTANCES)
    for number in range(1000):
        parse_tag(f"de-AT-x-{number}")
    assert len(Language._PARSE_CACHE) + len(Language._INSTANCES) == kept
