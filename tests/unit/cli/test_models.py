"""What `vdx models` and `vdx sessions` tell of models, a session's choice, and sessions."""

import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from vdx.cli import model_leases, model_update, models, sessions
from vdx.core.errors import ConnectionLost, InvalidInput

STAY = {
    "phase": "resident",
    "phase_seconds": 9.0,
    "idle_seconds": 30.4,
    "leases": 2,
    "why": "profile vdx",
}


LINE = {"name": "tone", "state": "READY", "reason": "", "kind": "tts", "languages": ["en"]}


def listed(monkeypatch: pytest.MonkeyPatch, *lines: dict[str, Any]) -> str:
    answer = {"models": list(lines), "servers": [{}]}
    monkeypatch.setattr(models, "call", lambda *_: answer)
    return CliRunner().invoke(models.app, ["list"], env={"COLUMNS": "80"}).output


@pytest.mark.parametrize(
    ("stay", "told"),
    [
        (STAY, "profile vdx, 2 leases, idle 30 s"),
        (
            STAY | {"why": "leased by 2 sessions", "memory_mb": 267.9},
            "leased by 2 sessions, idle 30 s, 268 MB",
        ),
        (
            STAY | {"phase": "loading", "leases": 0, "why": "not used"},
            "loading 9.0 s, not used, idle 30 s",
        ),
    ],
)
def test_a_model_is_listed_with_what_keeps_it(
    monkeypatch: pytest.MonkeyPatch, stay: dict[str, Any], told: str
) -> None:
    table = listed(monkeypatch, LINE | stay)
    assert table.split("\n")[0].split() == ["MODEL", "STATE", "KIND", "LANGUAGES", "NOTES"]
    assert table.split("\n")[1].split()[:4] == ["tone", "loaded", "voice", "en"]
    notes = " ".join(line[table.index("NOTES") :].strip() for line in table.splitlines()[1:])
    assert notes.strip() == told


def test_many_languages_and_long_reasons_fit_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    whisper = LINE | {
        "name": "whisper-large-v3-turbo",
        "kind": "asr",
        "state": "UNAVAILABLE",
        "languages": [f"l{n}" for n in range(119)],
        "reason": "a reason that Triton gives at length, with a path and a number in it, 42",
    }
    table = listed(monkeypatch, LINE | STAY, whisper)
    assert max(map(len, table.splitlines())) <= 80
    words = " ".join(table.split())
    assert "UNAVAILABLE" not in words
    assert re.search(r"whisper-large-v3-turbo +not loaded +recogniser", table)
    assert "l2 and" in words
    assert "l3" not in words


@pytest.mark.parametrize(
    ("kind", "sessions_", "told"),
    [
        ("tts", 0, "no live sessions switched to x"),
        ("asr", 1, "1 live session switched to x"),
        ("endpointer", 2, "2 live sessions switched to x"),
    ],
)
def test_a_new_default_is_told_and_how_long_it_lasts(
    monkeypatch: pytest.MonkeyPatch, kind: str, sessions_: int, told: str
) -> None:
    answer = {"model": "x", "kind": kind, "sessions": sessions_}
    monkeypatch.setattr(models, "call", lambda *_: answer)
    said = CliRunner().invoke(models.app, ["use", "x"]).output
    assert said.splitlines()[0] == told
    assert "new sessions" in said
    assert "until this server ends" in said
    option = {"tts": "--voice x", "asr": "--recogniser x", "endpointer": "endpointing.model=x"}
    assert f"vdx up {option[kind]}" in said or option[kind] in said
    one = CliRunner().invoke(models.app, ["use", "x", "--session", "ab12"]).output
    assert one == "session ab12 now uses x\n"


def test_sessions_are_listed_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"id": "ab12", "state": "waiting_for_input", "voice": "tone", "recogniser": ""}
    answers = [{"sessions": [one | {"messages": 3}]}, {"sessions": []}]
    monkeypatch.setattr(sessions, "call", lambda *_: answers.pop(0))
    table = CliRunner().invoke(sessions.app, []).output.splitlines()
    assert table[0].split() == ["SESSION", "STATE", "VOICE", "RECOGNISER", "MESSAGES"]
    assert re.split(r" {2,}", table[1].strip()) == ["ab12", "your turn", "tone", "none", "3"]
    assert CliRunner().invoke(sessions.app, []).output == "no session is open\n"


def test_a_choice_is_told_with_its_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    route = {
        "session": "ab12",
        "kind": "tts",
        "wanted": "joe",
        "model": "amy",
        "why": "profile vdx",
        "reasons": ["joe is resident nowhere: a loads it", "amy is the fallback"],
    }
    asked = []

    def call(_method: str, _url: str, path: str, _key: str) -> Any:
        asked.append(path)
        return {"routes": [route] if "ab12" in path else []}

    monkeypatch.setattr(models, "call", call)
    told = CliRunner().invoke(models.app, ["why", "ab12"]).output.splitlines()
    assert told == [
        "ab12 tts joe",
        "  joe is resident nowhere: a loads it",
        "  amy is the fallback",
        "  amy is loaded: profile vdx",
    ]
    assert CliRunner().invoke(models.app, ["why"]).output == "no session is open\n"
    assert asked == ["/vdx/routes?session=ab12", "/vdx/routes"]


def test_several_servers_are_told_with_what_is_loaded_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    metrics = {"leases": 3, "queue_depth": 1, "p50_first_audio_ms": 41.6}
    loaded = {"state": "resident", "metrics": metrics}
    hearing = {"state": "resident", "metrics": metrics | {"p50_first_audio_ms": None}}
    busy = {"name": "a", "addr": "unix:/a", "draining": True, "age_seconds": 0.2}
    lost = {"name": "b", "addr": "b:8001", "draining": False, "age_seconds": 31.4, "models": {}}
    busy["models"] = {"joe": loaded, "asr": hearing, "amy": loaded | {"state": "absent"}}
    answer = {"models": [], "servers": [busy, lost]}
    monkeypatch.setattr(models, "call", lambda *_: answer)
    listed = CliRunner().invoke(models.app, ["list"], env={"COLUMNS": "80"})
    assert [line.split() for line in listed.output.splitlines()[:8]] == [
        ["SERVER", "ADDRESS", "NOTES"],
        ["a", "unix:/a", "draining"],
        ["b", "b:8001", *["heard", "of", "31", "s", "ago"]],
        [],
        ["MODEL", "SERVER", "STATE", "LEASES", "BUSY", "FIRST", "AUDIO"],
        ["asr", "a", "resident", "3", "1"],
        ["joe", "a", "resident", "3", "1", "42", "ms"],
        [],
    ]


def test_a_server_is_drained_and_takes_sessions_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def call(_method: str, _url: str, path: str, _key: str) -> Any:
        asked.append(path)
        return {"server": "gpu0@a", "draining": True, "sessions": 2}

    monkeypatch.setattr(models, "call", call)
    drained = CliRunner().invoke(models.app, ["drain", "gpu0@a"])
    assert drained.output == "gpu0@a takes no sessions; 2 are there still\n"
    assert CliRunner().invoke(models.app, ["drain", "gpu0@a", "--off"]).exit_code == 0
    assert asked == ["/vdx/servers/gpu0%40a/drain", "/vdx/servers/gpu0%40a/drain?off=true"]


def test_who_drains_the_last_server_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"server": "gpu0@a", "draining": True, "alone": True, "sessions": 2}
    monkeypatch.setattr(models, "call", lambda *_: answer)
    told = CliRunner().invoke(models.app, ["drain", "gpu0@a"]).output
    assert told.startswith("no other server takes sessions: 2 stay at gpu0@a")


UPDATE = {
    "name": "tone",
    "state": "rolled back",
    "why": "it is slower",
    "old": {"model": "tone", "requests": 5, "errors": 0},
    "new": {"model": "tone-2", "requests": 9, "errors": 0},
}


@pytest.mark.parametrize(
    ("state", "code", "told"),
    [
        ("promoted", 0, "tone is tone-2 now: it is slower"),
        ("rolled back", 1, "tone serves tone on; tone-2 went back: it is slower"),
    ],
)
def test_an_update_tells_what_became_of_it(
    monkeypatch: pytest.MonkeyPatch, state: str, code: int, told: str
) -> None:
    asked: list[tuple[str, str]] = []
    states = iter(("loading", "trial", "trial", state))

    def call(method: str, _url: str, path: str, *_: Any) -> Any:
        asked.append((method, path))
        line = UPDATE | {"state": next(states)} if method == "GET" else UPDATE
        return {"updates": [line]} if method == "GET" else line

    monkeypatch.setattr(model_update, "call", call)
    monkeypatch.setattr(model_update, "POLL_S", 0.0)
    found = CliRunner().invoke(models.app, ["update", "tone", "tone-2", "--canary", "25%"])
    assert found.exit_code == code, found.output
    assert asked[0] == (
        "POST",
        "/vdx/models/tone/update?source=tone-2&canary=0.25&hold_seconds=60.0",
    )
    assert found.output.splitlines() == [
        "tone-2 is loaded beside tone; it gets 25% of new sessions",
        "loading tone-2",
        "tone-2: 0 of 9 requests failed",
        told,
    ]


def test_no_files_are_added_where_no_server_answers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    added: list[Path] = []

    def call(*_: Any) -> Any:
        raise ConnectionLost("no vdx server answers")

    monkeypatch.setattr(model_update, "call", call)
    monkeypatch.setattr(model_update, "_added", lambda _name, path: added.append(path))
    found = CliRunner().invoke(models.app, ["update", "tone", str(tmp_path)])
    assert isinstance(found.exception, ConnectionLost)
    assert added == []


@pytest.mark.parametrize(
    ("text", "share"), [("10%", 0.1), ("10", 0.1), ("0.1", 0.1), ("1", 1.0), ("100%", 1.0)]
)
def test_a_share_is_read_as_people_write_it(text: str, share: float) -> None:
    assert model_update.share_of(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["0", "-5%", "101%", "many", "", "nan"])
def test_a_share_that_is_none_is_named(text: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(repr(text))):
        model_update.share_of(text)


TAKEN = {"leases": 1, "expiry_ms": 15_000, "unknown_models": []}


@pytest.mark.parametrize("ends", ["ctrl-c", "released"])
def test_a_lease_is_renewed_until_it_is_over(monkeypatch: pytest.MonkeyPatch, ends: str) -> None:
    asked, slept = [], []

    def call(_method: str, _url: str, path: str, *_: Any, body: Any = None) -> Any:
        asked.append((path, body))
        over = ends == "released" and len(slept) > 2
        return {
            "/vdx/models/a%2Fb/load": {"loaded": "a/b", "kind": "tts"},
            "/vdx/leases": TAKEN,
            "/vdx/leases/renew": {"unknown": [], "leases": 0 if over else 1},
            "/vdx/leases/release": {"released": 1},
        }[path]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if ends == "ctrl-c" and len(slept) > 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(model_leases, "call", call)
    monkeypatch.setattr(model_leases.time, "sleep", sleep)
    told = CliRunner().invoke(models.app, ["lease", "a/b"]).output
    session = asked[1][1]["leases"][0]["session"]
    assert f"vdx models release a/b {session}" in told
    assert set(slept) == {5.0}
    last = {"ctrl-c": "a/b may be evicted again", "released": "a/b: the lease was released"}
    assert told.splitlines()[-1] == last[ends]
    released = ("/vdx/leases/release", {"leases": [{"session": session, "model": "a/b"}]})
    assert (asked[-1] == released) is (ends == "ctrl-c")


def test_a_lease_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [{"released": 1}, {"released": 0}]
    monkeypatch.setattr(model_leases, "call", lambda *_, **__: answers.pop(0))
    told = CliRunner().invoke(models.app, ["release", "a", "ab12"]).output
    assert told == "a is not leased by ab12 any more\n"
    again = CliRunner().invoke(models.app, ["release", "a", "ab12"])
    assert str(again.exception) == "session 'ab12' has no lease of 'a'"


def test_what_a_model_can_do_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    joe = {"name": "joe", "kind": "tts", "family": "piper", "capabilities": ["streaming"]}
    new = {"name": "new", "state": "UNAVAILABLE", "reason": ""}
    answer = {"models": [joe | {"languages": ["en", "de"]}, new]}
    monkeypatch.setattr(model_leases, "call", lambda *_, **__: answer)
    told = CliRunner().invoke(models.app, ["capabilities", "joe"]).output
    assert [line.split(maxsplit=1) for line in told.splitlines()] == [
        ["kind:", "tts"],
        ["family:", "piper"],
        ["capabilities:", "streaming"],
        ["languages:", "en, de"],
    ]
    told = CliRunner().invoke(models.app, ["capabilities", "new"]).output
    assert "nothing is known" in told
    unknown = CliRunner().invoke(models.app, ["capabilities", "x"])
    assert str(unknown.exception) == "there is no model 'x' (there are: joe, new)"
