"""Every command of the documents as it is printed: its shell and arguments; the cheap ones are run.

`tests/unit/test_documented_servers.py` runs those that start servers up to there. For each of the
dear ones a table names the test that runs it, or the part of it that is dear.

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
    "POST /vdx/models/tone/load": {"model": "tone", "kind": "tts"},
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


def parse(words: list[str], command: Any = None) -> None:
    """Parses the arguments of a call as the program does; raises click's error, or exits."""
    name, *rest = words
    if name.startswith("-"):  # an option of vdx itself acts while it is parsed
        return
    if command is None:
        command = load_command(name)
    if rest and rest[0] in getattr(command, "commands", ()):
        lazy = isinstance(command, LazyGroup)
        inner = load_command(rest[0], command.package) if lazy else command.commands[rest[0]]
        parse(rest, inner)
    else:
        command.make_context(name, rest)


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


ELSEWHERE = {
    "--install-completion": (
        "unit/cli/test_completion.py",
        "test_the_script_is_installed_for_the_shell_that_asks",
    ),
    "bench faults": ("bench/test_benches.py", "test_a_long_bench_measures"),
    "bench observed": ("bench/test_benches.py", "test_a_bench_of_two_ways_measures_both"),
    "bench refused": ("bench/test_benches.py", "test_a_bench_of_two_ways_measures_both"),
    "bench soak": ("bench/test_benches.py", "test_a_long_bench_measures"),
    "bench turn": ("bench/test_benches.py", "test_a_bench_measures_and_its_json_is_well_formed"),
    "frontend --manager": (
        "security/test_mutual_tls.py",
        "test_who_has_a_certificate_is_served_and_nobody_else",
    ),
    "frontend --port 8080 --manager": (
        "security/test_manager_tls.py",
        "test_who_has_a_certificate_leases_and_nobody_else",
    ),
    "frontend --port 8081 --manager": (
        "faults/test_two_hosts.py",
        "test_a_host_is_cut_off_and_healed_and_one_is_upgraded",
    ),
    "frontend --set registry.url": (
        "faults/test_fleet.py",
        "test_eight_people_hear_whole_replies_whatever_becomes_of_their_voices",
    ),
    "manager": (
        "security/test_manager_tls.py",
        "test_who_has_a_certificate_leases_and_nobody_else",
    ),
    "plan": ("unit/cli/test_plan.py", "test_a_plan_of_a_file_is_printed"),
    "say": ("triton/test_commands.py", "test_a_text_is_spoken_into_a_file"),
    "say -": (
        "server/test_documented.py",
        "test_a_line_of_the_shell_is_run_as_it_is_printed",
    ),
    "say Hello. --voice XTTS-v2": (
        "neural/test_xtts.py",
        "test_the_voice_of_a_recording_is_computed_once",
    ),
    "say Hello. --voice csm-1b": ("neural/test_csm.py", "test_a_recording_gives_a_voice"),
    "say Hello. --voice csm-1b/1": ("neural/test_csm.py", "test_it_speaks"),
    "say Hello. --voice csm-1b/jo": (
        "neural/test_csm.py",
        "test_a_clone_is_spoken_with_as_a_speaker",
    ),
    "say Hello. --voice tone": (
        "server/test_documented.py",
        "test_a_sentence_is_spoken_into_a_file",
    ),
    "setup": ("unit/cli/test_setup.py", "test_second_build_does_nothing"),
    "setup --japanese": ("unit/cli/test_setup.py", "test_an_extra_is_added_from_its_list_alone"),
    "setup --neural": ("unit/cli/test_setup.py", "test_an_extra_is_added_again_after_a_rebuild"),
    "talk": ("server/test_documented.py", "test_a_recording_talks_and_its_events_are_told"),
    "top": ("server/test_documented.py", "test_a_live_view_is_one_look_where_no_terminal_is"),
    "transcribe -": (
        "server/test_documented.py",
        "test_a_line_of_the_shell_is_run_as_it_is_printed",
    ),
    "triton": ("faults/test_triton_command.py", "test_a_closed_terminal_stops_it_as_sigterm_does"),
    "triton --announce": (
        "faults/test_two_hosts.py",
        "test_a_host_is_cut_off_and_healed_and_one_is_upgraded",
    ),
    "up": ("triton/test_commands_up.py", "test_up_proves_a_turn_and_says_where_to_go"),
    "up --config": ("unit/test_examples.py", "test_an_example_is_valid_and_sets_something"),
    "up --livekit": ("security/test_triton_closed.py", "test_only_the_intended_ports_are_open"),
    "up --recogniser": ("server/test_voices.py", "test_up_starts_with_what_it_was_told"),
    "up --responder chat": (
        "unit/cli/test_welcome.py",
        "test_an_apology_is_no_proof_and_the_endpoint_is_named",
    ),
    "up --set profiles.vdx.recogniser": (
        "triton/test_grammar.py",
        "test_a_recogniser_is_made_used_and_removed",
    ),
    "up --tritons": ("faults/test_two_tritons.py", "test_one_is_killed_and_every_reply_goes_on"),
    "up --voice": ("server/test_voices.py", "test_up_starts_with_what_it_was_told"),
    "voices add": ("unit/cli/test_voices.py", "test_the_trained_model_is_added_and_tried"),
    "voices add csm-lora": ("unit/cli/test_voice_parts.py", "test_an_adapter_is_added_by_its_name"),
    "voices add ~/XTTS-v2": ("neural/test_xtts.py", "test_it_is_added_with_what_it_is"),
    "voices add ~/csm-1b": ("neural/test_csm.py", "test_it_is_added_with_what_it_is"),
    "voices clone": (
        "unit/cli/test_voice_parts.py",
        "test_a_clone_is_made_listed_checked_and_removed",
    ),
    "voices pull": (
        "unit/cli/test_voices.py",
        "test_the_commands_of_the_readme_fetch_what_they_name",
    ),
    "voices pull kokoro-ja": (
        "unit/serving/test_starters.py",
        "test_out_of_a_package_where_the_hub_does_not_answer",
    ),
    "voices remove": (
        "unit/cli/test_voice_parts.py",
        "test_a_clone_is_made_listed_checked_and_removed",
    ),
}
"""By the first words of a command: the file below `tests` and the test that runs it."""


def of_shell() -> set[str]:
    """What a person can copy out of a block of shell."""
    return {" ".join(call) for document in DOCUMENTS for call in typed(document)}


def elsewhere(command: str) -> str:
    """The longest entry of the table that a command begins with; empty where there is none."""
    return max((key for key in ELSEWHERE if f"{command} ".startswith(key)), key=len, default="")


def test_every_command_is_run_here_or_by_a_test_that_is_named() -> None:
    here = {line for line, _ in CALLS} | {*LOCAL}
    assert {line for line in of_shell() - here if not elsewhere(line)} == set()


@pytest.mark.parametrize("words", ELSEWHERE)
def test_the_test_that_runs_a_dear_command_is_there(words: str) -> None:
    assert words in {elsewhere(line) for line in of_shell()}, "no document prints it any more"
    file, name = ELSEWHERE[words]
    assert f"def {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8")
