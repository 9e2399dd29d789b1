"""Text from outside is parsed, or refused by name; the parser's own exceptions never get out."""

import contextlib
import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vdx.core.errors import InvalidInput
from vdx.core.json_input import MAX_DEPTH, MAX_VALUES, parse_json, shown, utf8_size

REFUSED = {
    "": "the text is not JSON",
    "{": "the text is not JSON",
    '"abc': "the text is not JSON",
    '{"a": "\t"}': "the text is not JSON",
    "9" * 4301: "the text holds an integer of more than 4300 digits",
    '{"a": [' + "9" * 100_000 + "]}": "the text holds an integer",
    "NaN": "the text holds NaN, which is not JSON",
    "[-Infinity]": "the text holds -Infinity",
    "[1e400]": "the text holds a number that is too large",
    r'"\ud83d"': "the text holds half a surrogate pair",
    r'{"\udc00": 1}': "the text holds half a surrogate pair",
    "[" * 100_000: "the text holds more than 10000 values",
    "[" * 9_999: "the text nests deeper than 64 levels",
    "[" * 100 + "]" * 100: "the text nests deeper than 64 levels",
    "[" + "1," * MAX_VALUES + "1]": "the text holds more than 10000 values",
    "{" + '"a":"",' * MAX_VALUES + '"b":1}': "the text holds more than 10000 values",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:20])
@pytest.mark.parametrize("encoded", [False, True], ids=["text", "bytes"])
def test_what_is_wrong_is_named(text: str, encoded: bool) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_json(text.encode() if encoded else text, "the text", param="body")
    assert refusal.value.message.startswith(REFUSED[text])
    assert len(refusal.value.message) < 200
    assert refusal.value.param == "body"


@pytest.mark.parametrize("raw", [b"\xff\xfe", b'"\xff"', b'"\xed\xa0\x80"'])
def test_bytes_that_are_no_text_are_refused(raw: bytes) -> None:
    with pytest.raises(InvalidInput, match="is not JSON"):
        parse_json(raw, "the text")


@pytest.mark.parametrize(
    "value",
    [
        "x" * 1_000_000,
        ",[{" * 100_000,  # marks inside a string are no values
        {"\\": '"\\"', "é": "😀"},
        ["a"] * (MAX_VALUES // 2 - 10),
        int("9" * 4300),
        None,
    ],
    ids=lambda value: repr(value)[:20] if not isinstance(value, int) else "integer",
)
def test_what_is_within_the_limits_is_parsed(value: object) -> None:
    assert parse_json(json.dumps(value), "the text") == value
    assert parse_json(json.dumps(value).encode(), "the text") == value


def test_a_file_may_hold_more_values() -> None:
    many = list(range(3 * MAX_VALUES))
    assert parse_json(json.dumps(many), "the file", max_values=None) == many


def test_nesting_is_counted() -> None:
    deepest = "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)
    assert parse_json(deepest, "the text")
    with pytest.raises(InvalidInput, match="nests deeper"):
        parse_json(f"[[{deepest}]]", "the text")


TEXT = st.text(st.characters(codec=None), max_size=20)  # halves of surrogate pairs too
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)


@given(st.text() | st.binary() | JSON.map(json.dumps))
@example('"\\ud800"')
@example("1" * 5000)
def test_anything_is_parsed_or_refused(text: str | bytes) -> None:
    with contextlib.suppress(InvalidInput):
        value = parse_json(text, "the text")
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "unit", ["[],", "{},", "1,", '"",', '"a":[],', r'"\"",', "1e5,", "[[[[],"], ids=repr
)
def test_a_megabyte_of_small_values_is_refused_at_once(unit: str) -> None:
    """In a part of the time that the parser takes for the worst of them."""
    text = "[" + unit * (1_000_000 // len(unit)) + "1]"
    began = time.thread_time()
    with pytest.raises(InvalidInput):
        parse_json(text, "the text")
    refused = time.thread_time()
    json.loads("[" + "[]," * (1_000_000 // 3) + "1]")
    assert 2 * (refused - began) < time.thread_time() - refused


@pytest.mark.parametrize("value", ["x" * 1_000_000, [[]] * 100_000, {"a": "b" * 5_000}, 10**4000])
def test_a_value_is_shown_by_its_beginning(value: object) -> None:
    assert len(shown(value)) <= 101


@given(st.text(max_size=50) | st.integers() | st.lists(st.integers(), max_size=3))
def test_a_short_value_is_shown_whole(value: object) -> None:
    assert shown(value) in (repr(value), repr(value)[:100] + "…")


@given(st.text())
def test_sizes_are_those_of_utf8(text: str) -> None:
    assert utf8_size(text) == len(text.encode())
