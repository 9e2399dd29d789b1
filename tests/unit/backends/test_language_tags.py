"""The backends read language tags as the frontend does."""

import pytest

from triton_backends.shared.language_tags import primary_subtag


@pytest.mark.parametrize(
    ("tag", "primary"),
    [
        ("de_AT", "de"),
        ("DE", "de"),
        ("iw", "he"),
        ("cmn-Hans-CN", "zh"),
        ("zh-yue", "yue"),
        ("zh-min-nan", "nan"),
        ("sh", "sr"),
        ("deu", "de"),
        ("", ""),
        ("No Tag", "no tag"),
        ("DE-" + "a1234-" * 20, "de-" + "a1234-" * 20),
    ],
)
def test_primary_subtag(tag: str, primary: str) -> None:
    assert primary_subtag(tag) == primary
