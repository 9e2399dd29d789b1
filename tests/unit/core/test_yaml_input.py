"""Whatever is wrong with YAML is a YAMLError, and every reader of it says so in one line."""

import itertools
from pathlib import Path

import pytest
import yaml

from vdx.core.errors import ConfigError, InvalidVoicepack
from vdx.core.settings import load
from vdx.core.yaml_input import parse_yaml
from vdx.serving.voicepacks.metadata import METADATA, read_metadata
from vdx.speech.text.responder.script import load_script

BROKEN = {
    "an integer of many digits": "a: " + "9" * 5_000,
    "a date that there is none": "a: 2001-99-99",
    "a tag that does not fit": "a: !!bool x",
    "a timestamp that is none": "a: !!timestamp x",
    "deep nesting": "a: " + "[" * 300,
    "nesting beyond the limit": "a: " + "[" * 100 + "]" * 100,
    "a list that holds itself": "a: &b [*b]",
    "a mapping that holds itself": "profiles: &p {vdx: *p}",
    "a sequence as a key": "{[a, [b]]: {}}",
    "code": "a: !!python/object/apply:os.system [id]",
}
LETTERS = "abcdefghijklmnopqrst"
BOMB = "a: &a [x, x]\n" + "".join(
    f"{new}: &{new} [*{old}, *{old}]\n" for old, new in itertools.pairwise(LETTERS)
)


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_what_is_wrong_is_a_yaml_error(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        parse_yaml(text)


def test_what_is_right_is_what_the_library_makes_of_it() -> None:
    text = "{a: 1, b: [2.5, x, 2001-01-01], c: {d: null}, e: [&f [g], *f]}"
    assert parse_yaml(text) == yaml.safe_load(text)
    assert parse_yaml(text.encode()) == yaml.safe_load(text)
    assert parse_yaml("") is None


def test_a_value_that_many_places_share_is_looked_at_once() -> None:
    assert len(parse_yaml(BOMB)) == len(LETTERS)


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_every_reader_says_so(text: str, tmp_path: Path) -> None:
    file = tmp_path / METADATA
    file.write_text(text)
    with pytest.raises(ConfigError, match=METADATA):
        load(file, environ={})
    with pytest.raises(InvalidVoicepack, match=METADATA):
        read_metadata(tmp_path)
    with pytest.raises(ConfigError, match=METADATA):
        load_script(file)


@pytest.mark.parametrize("value", ["9" * 5_000, "2001-99-99", "&a [*a]", "!!bool x"])
def test_a_variable_says_so(value: str) -> None:
    with pytest.raises(ConfigError, match="VDX_SERVER__HOST"):
        load(environ={"VDX_SERVER__HOST": value})


def test_the_place_in_the_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "vdx.yaml"
    file.write_text("server:\n  port: 2001-99-99\n")
    with pytest.raises(ConfigError, match="line 2, column 9"):
        load(file, environ={})
