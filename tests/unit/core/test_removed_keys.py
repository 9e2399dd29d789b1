"""Keys of earlier versions say what to use instead."""

import re

import pytest

from vdx.core import settings
from vdx.core.config import Config
from vdx.core.config.old_keys import REMOVED, RENAMED, RENAMED_VALUES
from vdx.core.errors import ConfigError


@pytest.mark.parametrize("key", REMOVED)
def test_a_removed_key_names_the_new_way(key: str) -> None:
    with pytest.raises(ConfigError, match="does not exist any more: ") as refusal:
        settings.load(flags={key: 1}, environ={})
    assert REMOVED[key] in str(refusal.value)


KEYS = {key for key, _ in settings.leaves(Config())}
"""Every key that there is, in full."""


def told(key: str, value: object = 1) -> str:
    """What somebody is told who gives a key."""
    with pytest.raises(ConfigError) as refusal:
        settings.load(flags={key: value}, environ={})
    return str(refusal.value)


@pytest.mark.parametrize(("old", "new"), RENAMED.items(), ids=RENAMED)
def test_a_renamed_key_names_the_new_one(old: str, new: str) -> None:
    assert told(old) == f"configuration key {old} is now called {new}"
    leaf = old if "." in old else f"{old}.guard"  # a variable names a key inside of a section
    variable = f"VDX_{leaf.upper().replace('.', '__')}"
    with pytest.raises(ConfigError, match=f"{re.escape(old)} is now called {re.escape(new)}$"):
        settings.load(environ={variable: "1"})
    assert any(key == new or key.startswith(f"{new}.") for key in KEYS)


@pytest.mark.parametrize(("old", "new"), RENAMED_VALUES.items(), ids=str)
def test_a_renamed_value_names_the_new_one(old: tuple[str, str], new: str) -> None:
    key, value = old
    assert told(key, value) == f"configuration key {key}: {value!r} is now called {new!r}"
    settings.load(flags={key: new}, environ={})


def test_no_key_of_an_earlier_version_is_one_of_today() -> None:
    assert {*REMOVED, *RENAMED} & KEYS == set()


def test_files_of_tls_belong_together() -> None:
    with pytest.raises(ConfigError, match=r"triton\.tls"):
        settings.load(flags={"triton.tls.ca": "ca.crt"}, environ={})
