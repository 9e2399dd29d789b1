"""The commands of the documents that are not calls of vdx: what of each a test can run or look up.

Calls of vdx: `test_documented_commands.py`, and against a server `tests/server/test_documented.py`.
curl: `tests/server/test_speech.py`.
"""

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.documents import DOCUMENTS, ROOT, blocks, name_of
from tests.unit.cli.calls import status_of
from tests.unit.test_documented_commands import commands_of, parse
from vdx.cli.main import load_command
from vdx.core.paths import locate
from vdx.serving.backend_dir import TritonPython
from vdx.serving.environment import server_environment

FOREIGN = frozenset(
    {
        "curl",
        "export",
        "git",
        "helm",
        "mkdir",
        "ollama",
        "perf_analyzer",
        "pip",
        "sudoedit",
        "systemctl",
    }
    | {"tritonserver", "useradd"}
)
"""Programs of others, whose options are theirs."""
RUN = frozenset({"echo", "openssl", "scripts/make_certificates.sh"})
"""What takes no second and touches no system is run as it stands."""
ASSIGNMENT = re.compile(r"[A-Z_]+=")


def printed() -> list[list[str]]:
    """The words of every command in a block of shell, without what only says who runs it."""
    found: dict[str, list[str]] = {}
    for document in DOCUMENTS:
        text = "".join(blocks(document, "sh")).replace("\\\n", " ")
        for line in text.splitlines():
            for words in map(_program, commands_of(line)):
                if words:
                    found.setdefault(" ".join(words), words)
    return [found[line] for line in sorted(found)]


def _program(words: list[str]) -> list[str]:
    """`sudo -u NAME env KEY=VALUE program …` without its beginning."""
    rest = list(words)
    while rest and (rest[0] in {"sudo", "env"} or ASSIGNMENT.match(rest[0])):
        rest = rest[3:] if rest[:2] == ["sudo", "-u"] else rest[1:]
    return rest


PRINTED = printed()


def named(name: str) -> list[list[str]]:
    """The commands of one program, wherever it is installed."""
    return [words for words in PRINTED if words[0].rpartition("/")[2] == name]


def _line(words: list[str]) -> str:
    return " ".join(words)


MAKE, PYTEST, PYTHON = named("make"), named("pytest"), [*named("python"), *named("python3")]
INSTALLED = [words[1:] for words in named("vdx") if words[0] not in {"vdx", ".venv/bin/vdx"}]
FILES = [*named("cp"), *named("install"), *named("docker")]
OURS = [words for words in PRINTED if words[0].startswith("scripts/")]


def test_no_command_is_of_a_kind_that_no_test_looks_at() -> None:
    known = [*MAKE, *PYTEST, *PYTHON, *FILES, *OURS, *named("vdx")]
    rest = [words for words in PRINTED if words not in known]
    names = {words[0].rpartition("/")[2] for words in rest}
    assert names - FOREIGN - RUN == set()
    assert all((MAKE, PYTEST, PYTHON, INSTALLED, FILES, OURS))


@pytest.mark.parametrize("words", MAKE, ids=_line)
def test_a_target_of_make_is_there_and_only_its_steps_are_told(words: list[str]) -> None:
    targets = {word for word in words[1:] if "=" not in word}
    known = re.findall(
        r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert targets <= set(known)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    variables = {word.partition("=")[0] for word in words[1:]} - targets
    assert [name for name in variables if f"$(if $({name})" not in makefile] == []
    done = subprocess.run(
        ["make", "--dry-run", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("words", INSTALLED, ids=_line)
def test_a_call_of_an_installed_vdx_can_be_parsed(words: list[str]) -> None:
    # It looks for the operator's file, which is not on this machine.
    file = ["--config", str(ROOT / "examples" / "assistant.yaml")]
    called = parse([*words, *file] if words[0] == "install-service" else words)
    assert called
    assert _line(words).startswith(called)


@pytest.mark.parametrize("words", [*PYTEST, *PYTHON], ids=_line)
def test_what_python_is_to_run_is_there_and_is_not_run(words: list[str]) -> None:
    for word in words[1:]:
        if word.startswith(("tests/", "scripts/")):
            assert (ROOT / word).exists()
    if "-k" in words:
        (file,) = (ROOT / word for word in words if word.endswith(".py"))
        wanted = words[words.index("-k") + 1]
        # In the name of a test, or in an id of its table.
        pattern = rf'def test_\w*{wanted}|^ +"[^"]*{wanted}[^"]*":'
        assert re.search(pattern, file.read_text(encoding="utf-8"), re.MULTILINE)
    if "--" in words:
        package = json.loads((ROOT / "frontend/web/package.json").read_text(encoding="utf-8"))
        assert words[-1] in package["scripts"]


@pytest.mark.parametrize("words", FILES, ids=_line)
def test_the_files_that_a_command_takes_are_there(words: list[str], tmp_path: Path) -> None:
    inside = [word for word in words[1:] if word.startswith(("docker/", "deploy/", "examples/"))]
    made = words[-1] if words[0] == "cp" else ""
    assert [word for word in inside if word != made and not (ROOT / word).is_file()] == []
    if words[0] == "cp":  # in a copy of what it copies
        (there := tmp_path / words[1]).parent.mkdir(parents=True)
        shutil.copy(ROOT / words[1], there)
        subprocess.run(words, cwd=tmp_path, check=True)
        assert (tmp_path / made).read_bytes() == there.read_bytes()


@pytest.mark.parametrize("words", OURS, ids=_line)
def test_a_script_is_there_and_is_shell(words: list[str]) -> None:
    script = ROOT / words[0]
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)


MEASURED = [words for words in OURS if words[0] == "scripts/perf_analyzer.sh"]


@pytest.mark.parametrize("words", MEASURED, ids=_line)
def test_perf_analyzer_is_called_with_what_is_printed(words: list[str], tmp_path: Path) -> None:
    """In its place a program that tells its arguments; with it: tests/triton/test_perf_analyzer."""
    (stub := tmp_path / "perf_analyzer").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    stub.chmod(0o755)
    done = subprocess.run(
        [ROOT / words[0], *words[1:]],
        env=os.environ | {"PERF_ANALYZER": str(stub), "VDX_TRITON__URL": "gpu-box:8001"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    assert {words[2], *words[3:]} <= {*told}


@pytest.mark.parametrize("words", [each for each in PRINTED if each[0] in RUN], ids=_line)
def test_what_is_quick_and_touches_nothing_is_run(words: list[str], tmp_path: Path) -> None:
    program = str(ROOT / words[0]) if words[0].startswith("scripts/") else words[0]
    done = subprocess.run(
        [program, *words[1:]], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout or any(tmp_path.iterdir())


def _keys_of_the_documents() -> list[list[str]]:
    """`vdx keys …`, in the order in which they can be run."""
    order = ("add", "list", "revoke")
    calls = [words[1:] for words in named("vdx") if words[1] == "keys"]
    return sorted(calls, key=lambda words: order.index(words[1]))


def test_the_keys_of_the_documents_are_added_listed_and_revoked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VDX_SERVER__API_KEYS_FILE", str(tmp_path / "keys.yaml"))
    monkeypatch.chdir(tmp_path)
    calls = _keys_of_the_documents()
    assert {words[1] for words in calls} >= {"add", "list", "revoke"}
    for words in calls:
        assert status_of(*words) == 0, words
    assert "shop-frontend" in capsys.readouterr().out


# --- programs of others: their options, and what of this project they name -----------------------


def test_tritonserver_knows_every_option_that_it_is_given() -> None:
    python = TritonPython.inspect(locate().triton_python)
    program = [str(python.server / "bin" / "tritonserver"), "--help"]
    environment = server_environment(python, {})
    told = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    known = set(re.findall(r"^\s*(--[\w-]+)", told.stdout + told.stderr, re.MULTILINE))
    lines = named("tritonserver")
    given = {word.partition("=")[0] for words in lines for word in words[1:]}
    assert given
    assert given - known == set()


def test_what_a_service_is_managed_with_names_the_unit_that_is_written() -> None:
    defaults = {each.name: each for each in load_command("install-service").params}
    unit, config, user, home = (
        str(defaults[name].default) for name in ("out", "config", "user", "home")
    )
    name = Path(unit).stem
    for words in named("systemctl"):
        verb = next(word for word in words[1:] if not word.startswith("-"))
        assert words[-1] == (verb if verb == "daemon-reload" else name)
    assert [words[-1] for words in named("sudoedit")] == [config]
    assert {words[-1] for words in named("mkdir")} == {str(Path(config).parent)}
    for words in named("useradd"):
        assert words[-1] == user
        assert words[words.index("--home-dir") + 1] == home
        assert Path(words[words.index("--shell") + 1]).name == "nologin"


def test_what_compose_is_asked_of_is_in_the_stack() -> None:
    stack = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))
    lines = [words[2:] for words in named("docker") if words[1] == "compose"]
    assert lines
    for words in lines:
        assert words[:2] == ["-f", "docker/compose.yaml"]
        services = [word for word in words[3:] if not word.startswith("-")]
        assert set(services) <= set(stack["services"])


def test_what_is_exported_is_read() -> None:
    names = {
        word.partition("=")[0] for words in named("export") for word in words[1:] if "=" in word
    }
    places = ("frontend/vdx", "triton_backends", "docker", "scripts")
    pattern = "|".join(sorted(names))
    found = subprocess.run(
        ["grep", "-rhoEI", pattern, *places], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert names
    assert names - set(found.stdout.split()) == set()


def test_what_is_installed_is_what_the_project_builds() -> None:
    built = f"{tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']['name']}-*.whl"
    assert {Path(words[-1]).name for words in named("pip")} == {built}
    for words in named("helm"):
        assert (ROOT / words[3] / "Chart.yaml").is_file()
    for words in named("git"):
        assert words[1] == "clone"


def test_every_document_with_commands_is_looked_at() -> None:
    with_blocks = {name_of(each) for each in DOCUMENTS if blocks(each, "sh")}
    assert {"README.md", "docs/install.md", "docs/operate.md", "docs/running.md"} <= with_blocks
