"""What the JSON of an error says, of whatever server it is."""

import pytest

from vdx.core.error_words import MOST_CHARACTERS, error_words

WORDS = [
    ({"error": {"message": "there is no voice 'x'", "code": "not_found"}}, "there is no voice 'x'"),
    ({"error": "model 'x' not found"}, "model 'x' not found"),
    ({"message": {"reason": ["too long", "too loud"]}}, "too long; too loud"),
    (
        {"detail": [{"type": "missing", "loc": ["body", "voice"], "msg": "Field required"}]},
        "body.voice: Field required",
    ),
    (
        {"detail": [{"loc": ["body", 3], "msg": "x"}, {"loc": "query", "msg": "y"}]},
        "body.3: x; y",
    ),
    ({"title": "Not allowed", "status": 403}, "Not allowed"),
    ({"title": "Not allowed", "detail": "the key is old"}, "the key is old"),
    ({"voice": ["unknown"], "speed": {"max": 4}, "none": None}, "voice: unknown, speed: max: 4"),
    (["a", {"msg": "b"}, None], "a; b"),
    ("two\nlines", "two lines"),
    (True, "true"),
    (None, ""),
    ([], ""),
    ({}, ""),
    ({"error": {}}, ""),
]


@pytest.mark.parametrize(("body", "words"), WORDS, ids=[words or "-" for _, words in WORDS])
def test_a_body_is_told_in_words(body: object, words: str) -> None:
    assert error_words(body) == words


def test_a_long_one_is_cut() -> None:
    told = error_words({"error": "word " * 1_000})
    assert len(told) <= MOST_CHARACTERS
    assert told.endswith(" …")
