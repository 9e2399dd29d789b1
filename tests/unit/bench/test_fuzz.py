"""What the fuzzer makes up, and how it counts."""

import json

from hypothesis import HealthCheck, given, settings

from tests.fuzz.findings import KEPT, Findings
from tests.fuzz.streams import LENGTH, streams

KNOWN = {"session.update", "input_audio_buffer.append", "response.create"}


def test_streams_hold_sensible_events_and_nonsense() -> None:
    kinds: set[str] = set()
    nonsense = 0

    @settings(max_examples=20, database=None, deadline=None, suppress_health_check=[*HealthCheck])
    @given(streams())
    def look(messages: list[str | bytes]) -> None:
        nonlocal nonsense
        assert len(messages) == LENGTH
        for message in messages:
            try:
                event = json.loads(message)
                kinds.add(str(event["type"]))
            except (ValueError, TypeError, KeyError, IndexError):
                nonsense += 1

    look()
    assert kinds >= KNOWN
    assert nonsense > 20


def test_findings_are_counted_and_the_first_are_kept() -> None:
    findings = Findings("events", sent=7)
    for number in range(KEPT + 5):
        findings.found("hang", f"number {number}", b"\x00" * 10_000)
    report = findings.report({}).as_dict()
    assert [row["max"] for row in report["figures"]] == [7, KEPT + 5]
    assert report["figures"][1]["reached"] is False
    assert len(report["samples"]) == KEPT
    assert len(json.dumps(report)) < 100_000
    assert Findings("events").report({}).as_dict()["figures"][1]["reached"] is True
