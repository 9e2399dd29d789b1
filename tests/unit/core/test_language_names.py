"""Languages as clients write them."""

import pytest

from vdx.core.language_names import NAMES, TAGS, tag_of
from vdx.core.language_tags import primary_subtag


@pytest.mark.parametrize(
    ("given", "tag"),
    [
        ("", ""),
        (" ", ""),
        ("auto", ""),
        ("Auto", ""),
        ("english", "en"),
        ("Haitian Creole", "ht"),
        ("mandarin", "zh"),
        ("en_US", "en-US"),
        ("pt-BR", "pt-BR"),
        ("zh_Hant_TW", "zh-Hant-TW"),
        ("zh-yue", "zh-yue"),
        ("iw", "he"),
        ("cmn", "zh"),
        ("jw", "jv"),
        ("?", "?"),
    ],
)
def test_what_clients_write(given: str, tag: str) -> None:
    assert tag_of(given) == tag


def test_every_name_has_a_tag_in_use() -> None:
    assert len(NAMES) == len(set(NAMES.values())) == 100
    assert all(primary_subtag(tag) == tag for tag in TAGS.values())
