"""The lines that `vdx logs` prints."""

import pytest
from typer.testing import CliRunner

from vdx.cli import logs
from vdx.core.config import LogConfig
from vdx.core.logs import configure, logger
from vdx.core.recent_log import MOST_CHARS, MOST_LINES, RECENT, RecentLog


def filled(count: int) -> RecentLog:
    log = RecentLog()
    for number in range(count):
        level = "warning" if number % 2 else "info"
        log.add({"event": f"e{number}", "level": level, "timestamp": "t", "n": number})
    return log


def test_only_the_last_lines_are_kept_and_they_keep_their_number() -> None:
    lines = filled(MOST_LINES + 5).lines()
    assert (len(lines), lines[0].number, lines[-1].number) == (MOST_LINES, 6, MOST_LINES + 5)
    assert (lines[0].event, lines[0].values) == ("e5", {"n": "5"})


def test_lines_are_chosen_by_number_and_gravity() -> None:
    log = filled(6)
    assert [each.number for each in log.lines(after=3)] == [4, 5, 6]
    assert [each.number for each in log.lines(level="warning")] == [2, 4, 6]
    assert log.lines(level="error") == []
    assert log.lines(after=6) == []


def test_who_follows_gets_the_lines_of_a_server_that_was_started_anew() -> None:
    assert [each.number for each in filled(3).lines(after=900)] == [1, 2, 3]


def test_a_long_value_is_cut() -> None:
    log = RecentLog()
    log.add({"event": "x", "exception": "y" * 10_000})
    assert len(log.lines()[0].values["exception"]) == MOST_CHARS


def test_what_is_logged_is_kept_with_secrets_masked() -> None:
    configure(LogConfig(level="info"))
    before = len(RECENT.lines())
    logger(__name__).info("asked", url="http://me:hidden@host/v1")
    logger(__name__).debug("below the level")
    line = RECENT.lines()[-1]
    assert len(RECENT.lines()) in (before + 1, MOST_LINES)
    assert (line.event, line.level) == ("asked", "info")
    assert "hidden" not in line.values["url"]


def test_the_command_prints_lines_and_goes_on_after_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = {"number": 7, "at": "2026-01-02T03:04:05.678Z", "level": "info", "event": "ready"}
    answers = [[one | {"values": {"port": "80"}}], [one | {"number": 8, "values": {}}]]
    asked: list[str] = []

    def call(_method: str, _url: str, path: str, _key: str) -> dict[str, object]:
        asked.append(path)
        if not answers:
            raise KeyboardInterrupt
        return {"lines": answers.pop(0)}

    monkeypatch.setattr(logs, "call", call)
    monkeypatch.setattr(logs.time, "sleep", lambda _: None)
    shown = CliRunner().invoke(logs.app, ["--follow", "--level", "info"])
    assert shown.exit_code == 130
    assert shown.stdout.splitlines()[:2] == [
        "2026-01-02T03:04:05 info    ready port=80",
        "2026-01-02T03:04:05 info    ready",
    ]
    assert [path.split("=")[1].split("&")[0] for path in asked] == ["0", "7", "8"]
