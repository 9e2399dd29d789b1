"""A name is only suggested where it looks like the one that was typed."""

import pytest

from vdx.core.config import Config
from vdx.core.names import nearest, unknown_name


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("playot", "playout"),
        ("TTS", "tts"),
        ("barge-in", "barge_in"),
        ("colour", ""),
        ("nosuch", ""),
        ("xyz", ""),
        ("", ""),
    ],
)
def test_a_section_is_meant_where_it_looks_like_it(typed: str, meant: str) -> None:
    assert nearest(typed, Config.model_fields) == meant


def test_one_of_another_kind_is_suggested_only_where_no_known_one_is_near() -> None:
    told = str(unknown_name("voice", "tonne", ["tone"], others=["tonne-asr"]))
    assert told == "there is no voice 'tonne'; did you mean 'tone'? (there are: tone)"
    assert "did you mean" not in str(unknown_name("voice", "zzz", ["tone"], others=["canned"]))
