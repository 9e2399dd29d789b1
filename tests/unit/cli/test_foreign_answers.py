"""What commands print of an answer that no vdx server gives: words, no notation, no traceback."""

import re
from typing import Any

import pytest

from tests.unit.cli.admin_server import answering
from tests.unit.cli.calls import status_of
from vdx.bench.target import DATA

COMMANDS = [
    "models list",
    "models why",
    "models load tone",
    "models use tone",
    "models unload tone",
    "models drain gpu0",
    "models update tone tone-2",
    "models update tone --cancel",
    "sessions",
    "logs",
    "top --once",
    "token",
    f"talk --wav {DATA / 'uh.wav'}",
]
FASTAPI = {"detail": [{"type": "missing", "loc": ["body", "voice"], "msg": "Field required"}]}
ANSWERS: dict[str, tuple[int, Any, str]] = {
    "text": (404, {"error": "model 'x' not found"}, "model 'x' not found"),
    "FastAPI's 422": (422, FASTAPI, "body.voice: Field required"),
    "FastAPI's 404": (404, {"detail": "Not Found"}, "Not Found"),
    "nested": (400, {"error": {"message": {"code": 7, "why": ["late"]}}}, "why: late"),
    "list": (500, [{"msg": "broken"}], "broken"),
    "nothing": (503, None, "503"),
    "another's success": (200, {"object": "list", "data": [{"id": "x"}]}, ""),
    "list as success": (200, [1, {"a": None}], ""),
}
"""By name: the status, the JSON, and what of it is told."""
NOTATION = re.compile(r"""\{['"]|\[['"{]|\bNone\b|Traceback""")


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda line: line.split(" --wav")[0])
def test_an_answer_of_others_is_told_in_words(
    command: str, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, body, words = ANSWERS[name]
    with answering({}, otherwise=(status, body)) as url:
        monkeypatch.setenv("VDX_URL", url)
        assert status_of(*command.split()) in (1, 2)
    told = capsys.readouterr().err
    assert "vdx: " in told
    assert words in told
    assert not NOTATION.search(told), told
