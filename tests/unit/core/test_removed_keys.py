"""Keys of earlier versions say what to use instead."""

import pytest

from vdx.core import settings
from vdx.core.config.old_keys import REMOVED
from vdx.core.errors import ConfigError


@pytest.mark.parametrize("key", REMOVED)
def test_a_removed_key_names_the_new_way(key: str) -> None:
    with pytest.raises(ConfigError, match="does not exist any more: ") as refusal:
        settings.load(flags={key: 1}, environ={})
    assert REMOVED[key] in str(refusal.value)


def test_files_of_tls_belong_together() -> None:
    with pytest.raises(ConfigError, match=r"triton\.tls"):
        settings.load(flags={"triton.tls.ca": "ca.crt"}, environ={})
