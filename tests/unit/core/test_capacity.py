"""How many sessions a machine holds by default."""

from pathlib import Path

import pytest

from vdx.core import capacity


@pytest.mark.parametrize(
    ("cores", "quota", "descriptors", "sessions"),
    [
        (2, "max 100000", 65_536, 32),
        (8, "150000 100000", 65_536, 24),
        (64, "max 100000", 1_024, 96),
        (1, "1000 100000", 256, 1),
        (4, "not of this version", 65_536, 64),
    ],
)
def test_the_default_follows_cores_and_descriptors(
    cores: int,
    quota: str,
    descriptors: int,
    sessions: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(capacity, "CPU_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(capacity.os, "sched_getaffinity", lambda _: set(range(cores)))
    monkeypatch.setattr(capacity, "raise_descriptor_limit", lambda: descriptors)
    assert capacity.default_max_sessions() == sessions
