"""Tables on standard output."""

import pytest

from vdx.cli.table import print_table


def test_a_table_has_headers_and_fits(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    print_table(("name", "nothing", "what"), [("a-long-name", "", "words " * 12), ("b", "", "[x]")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["NAME", "WHAT"]
    assert max(map(len, lines)) <= 40
    assert " ".join(" ".join(lines[1:-1]).split()) == "a-long-name " + "words " * 11 + "words"
    assert lines[-1].split() == ["b", "[x]"]


@pytest.mark.parametrize("wanted", [True, False])
def test_no_colour_where_none_is_wanted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, wanted: bool
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    if not wanted:
        monkeypatch.delenv("FORCE_COLOR")
        monkeypatch.setenv("NO_COLOR", "1")
    print_table(("name",), [("a",)])
    assert ("\x1b[" in capsys.readouterr().out) == wanted
