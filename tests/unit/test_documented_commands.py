"""Every command of the documents as it is printed: its shell and arguments; the cheap ones are run.

`tests/unit/test_documented_runs.py` says where each of the others is.

`tests/unit/test_documents.py` looks at options and settings in running text too.
"""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.documents import CODE, DOCUMENTS, ROOT, blocks, name_of, prose
from tests.unit.cli.admin_server import answering
from tests.unit.cli.calls import status_of
from vdx.cli.main import LazyGroup, load_command

EXAMPLES = sorted((ROOT / "examples").iterdir())
FORMATS = ROOT / "docs" / "formats.md"
PROGRAMS = ("vdx", ".venv/bin/vdx", "~/vdx/bin/vdx")
PLACEHOLDER = re.compile(r"\b[A-Z]{2,}\b|…|\|")
CHEAP = [
    ["config"],
    ["voices", "list"],
    ["models", "list"],
    ["models", "why"],
    ["models", "load", "tone"],
    ["models", "use", "whisper-base.en"],
    ["models", "update", "NAME", "SOURCE"],
    ["sessions"],
    ["logs"],
    ["doctor"],
    ["token"],
]
"""Commands that are run; the others start servers, fetch models or open a microphone."""
UPDATE = {
    "name": "NAME",
    "state": "promoted",
    "why": "it does as well",
    "old": {"model": "NAME", "requests": 20, "errors": 0},
    "new": {"model": "SOURCE", "requests": 20, "errors": 0},
}
ROUTES = {
    "GET /vdx/models": {"models": []},
    "GET /vdx/servers": {"servers": []},
    "GET /vdx/routes": {"routes": []},
    "GET /vdx/sessions": {"sessions": []},
    "GET /vdx/logs?after=0&level=debug": {"lines": []},
    "GET /vdx/logs?after=0&level=warning": {"lines": []},
    "POST /vdx/models/tone/load": {"loaded": "tone", "kind": "tts"},
    "POST /vdx/models/whisper-base.en/use": {"kind": "asr", "sessions": 0},
    "POST /vdx/models/NAME/update?source=SOURCE&canary=0.1&hold_seconds=60.0": UPDATE,
    "GET /vdx/updates": {"updates": [UPDATE]},
}
LIVEKIT = {
    "URL": "ws://127.0.0.1:9",
    "API_KEY": "key",
    "API_SECRET": "s" * 32,
    "AGENTS": '{"billing": "vdx"}',
}


def commands_of(line: str) -> Iterator[list[str]]:
    """The words of each command of a line of shell, pipes and redirections taken apart."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    redirected = False
    try:
        for token in lexer:
            if set(token) <= set("<>"):
                redirected = True
            elif set(token) <= set("|&;()"):
                yield words
                words = []
            elif redirected:
                redirected = False
            else:
                words.append(token)
    except ValueError:  # an apostrophe: no command
        return
    yield words


def typed(document: Path) -> list[list[str]]:
    """The calls of vdx in the blocks of shell of a document, or in the comments of an example."""
    if document.suffix == ".md":
        text = "".join(blocks(document, "sh")).replace("\\\n", " ")
    else:
        text = re.sub(r"^#", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    every = [words for line in text.splitlines() for words in commands_of(line)]
    return [words[1:] for words in every if len(words) > 1 and words[0] in PROGRAMS]


def named(document: Path) -> list[list[str]]:
    """The calls in running text that stand there in full."""
    codes = [code for code in CODE.findall(prose(document)) if not PLACEHOLDER.search(code)]
    every = [words for code in codes for words in commands_of(code)]
    return [words[1:] for words in every if len(words) > 1 and words[0] in PROGRAMS]


def parse(words: list[str], command: Any = None) -> str:
    """The command that a call names, its arguments parsed as the program does.

    Raises click's error, or exits. Empty for an option of vdx itself, which acts when parsed.
    """
    name, *rest = words
    if name.startswith("-"):
        return ""
    if command is None:
        command = load_command(name)
    if rest and rest[0] in getattr(command, "commands", ()):
        lazy = isinstance(command, LazyGroup)
        inner = load_command(rest[0], command.package) if lazy else command.commands[rest[0]]
        return f"{name} {parse(rest, inner)}"
    command.make_context(name, rest)
    return name


@pytest.mark.parametrize("document", [*DOCUMENTS, *EXAMPLES], ids=name_of)
def test_what_is_typed_can_be_parsed(document: Path) -> None:
    for words in typed(document):
        parse(words)


@pytest.mark.parametrize("words", [["say"], ["up", "--port", "x"], ["models", "use"]], ids=str)
def test_arguments_that_cannot_be_parsed_are_found(words: list[str]) -> None:
    with pytest.raises(Exception, match=r"Missing|valid integer"):
        parse(words)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_block_of_shell_is_shell(document: Path) -> None:
    for block in blocks(document, "sh"):
        bash = ["bash", "-n"]
        done = subprocess.run(bash, input=block, text=True, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), block


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with answering(ROUTES) as url:
        yield url


def cheap_calls() -> list[list[str]]:
    every = [call for document in DOCUMENTS for call in (*typed(document), *named(document))]
    cheap = [call for call in every if any(call[: len(each)] == each for each in CHEAP)]
    return [call for call in cheap if "--url" not in call and "--follow" not in call]


CALLS = sorted({" ".join(call): call for call in cheap_calls()}.items())


@pytest.mark.parametrize("call", [call for _, call in CALLS], ids=[line for line, _ in CALLS])
def test_what_is_cheap_runs_as_it_is_printed(
    call: list[str], server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VDX_CONFIG", raising=False)
    monkeypatch.setenv("VDX_URL", server)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for key, value in LIVEKIT.items():
        monkeypatch.setenv(f"VDX_LIVEKIT__{key}", value)
    assert status_of(*call) == 0


def test_each_of_the_cheap_ones_is_in_a_document() -> None:
    calls = [call for _, call in CALLS]
    assert all(any(call[: len(each)] == each for call in calls) for each in CHEAP)


LOCAL = (
    "keys add shop-frontend --scope talk --per-minute 120 --sessions 8",
    "keys add prometheus --scope admin",
    "keys list",
    "keys revoke shop-frontend",
    "recordings list",
    "recordings delete 8f2c90a1b34d",
    "recordings prune --days 7",
    "grammar add robot.jsgf --id robot",
    "triton assemble --stock --out /srv/vdx",
    "bench --help",
)
"""Commands about files of this machine, in the order in which they depend on each other."""


def test_what_is_about_files_here_runs_as_it_is_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    every = [call for document in DOCUMENTS for call in (*typed(document), *named(document))]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VDX_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("VDX_SERVER__API_KEYS_FILE", str(tmp_path / "keys.json"))
    monkeypatch.setenv("VDX_CALL_RECORDING__FOLDER", str(tmp_path))
    (call := tmp_path / "2026-01-31" / "8f2c90a1b34d.json").parent.mkdir()
    call.write_text("{}")
    (grammar,) = (text for text in blocks(FORMATS, "text") if text.startswith("#JSGF"))
    (tmp_path / "robot.jsgf").write_text(grammar)
    for line in LOCAL:
        assert line.split() in every, line
        here = line.replace("/srv/vdx", str(tmp_path / "assembled"))
        assert status_of(*here.split()) == 0, line


def of_shell() -> set[str]:
    """What a person can copy out of a block of shell."""
    return {" ".join(call) for document in DOCUMENTS for call in typed(document)}
