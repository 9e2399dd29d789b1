"""The wheel works where there is no checkout: built, installed by pip, run from elsewhere."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vdx import __version__
from vdx.bench import interruptions, jitter, perf_data, sessions, transcriptions
from vdx.bench.clips import BARGE_IN_CLIPS, LISTENING_SOUND, TURN_CLIPS
from vdx.cli.main import COMMANDS
from vdx.cli.welcome import PROOF_RECORDING
from vdx.core.paths import locate
from vdx.serving.voicepacks.metadata import METADATA

CHECKOUT = locate().data
SPOKEN = {
    *(*TURN_CLIPS, *BARGE_IN_CLIPS, LISTENING_SOUND, *transcriptions.CLIPS),
    *(interruptions.SPEECH, jitter.SPEECH, sessions.SPEECH),
}
"""Recordings that the benches of `vdx bench` play."""


def run(*command: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VDX_", "COV"))}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=cwd, env=clean | variables
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `vdx` of a fresh environment: the wheel, its declared dependencies, nothing else.

    The dependencies come from their lock, which tests/unit/test_dependencies.py compares with what
    the wheel declares.
    """
    place = tmp_path_factory.mktemp("wheel")
    wheel = place / f"vdx-{__version__}-py3-none-any.whl"
    lock = CHECKOUT / "requirements" / "frontend.txt"
    uv = shutil.which("uv") or CHECKOUT / ".tools" / "bin" / "uv"
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", place / "venv", "install"]
    if Path(uv).exists():
        pip = [uv, "pip", "install", "--python", place / "venv"]
    steps: list[list[str | Path]] = [
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", place, CHECKOUT],
        [sys.executable, "-m", "venv", "--without-pip", place / "venv"],
        [*pip, "--require-hashes", "--no-deps", "-r", lock],
        [*pip, "--no-index", "--no-deps", wheel],
    ]
    for step in steps:
        done = run(*step, cwd=place)
        assert done.returncode == 0, done.stderr + done.stdout
    return place / "venv" / "bin" / "vdx"


def test_version(installed: Path, tmp_path: Path) -> None:
    answer = run(installed, "--version", cwd=tmp_path)
    assert (answer.returncode, answer.stdout.strip()) == (0, f"vdx {__version__}")


def test_it_is_the_wheel_that_runs(installed: Path, tmp_path: Path) -> None:
    code = "import vdx; print(vdx.__file__)"
    answer = run(installed.parent / "python", "-c", code, cwd=tmp_path)
    assert Path(answer.stdout.strip()).is_relative_to(installed.parents[1])


def test_it_carries_what_triton_needs(installed: Path) -> None:
    [data] = installed.parents[1].glob("lib/python3.*/site-packages/vdx/_data")
    here = locate()
    models = {config.parent.name for config in here.model_repository.glob("*/config.pbtxt")}
    assert models
    for model in models:
        assert (data / "model_repository" / model / "config.pbtxt").exists()
        # Triton does not see a model without a version folder.
        assert (data / "model_repository" / model / "1").is_dir()
    families = {model.parent.name for model in here.triton_backends.glob("*/model.py")}
    assert families == {model.parent.name for model in data.glob("triton_backends/*/model.py")}
    assert (data / "requirements" / "triton.txt").exists()
    packs = {str(file.relative_to(here.data)) for file in here.data.glob("voicepacks/*/*/*.yaml")}
    assert packs
    assert packs == {str(file.relative_to(data)) for file in data.glob("voicepacks/*/*/*.yaml")}


def test_it_carries_the_recordings_that_its_commands_speak_and_no_studies(installed: Path) -> None:
    [package] = installed.parents[1].glob("lib/python3.*/site-packages/vdx")
    names = {PROOF_RECORDING.removesuffix(".wav"), *SPOKEN, *perf_data.RECORDINGS}
    carried = {file.stem: file for file in (package / "_data" / "recordings").glob("*.wav")}
    own = {file.stem for file in (package / "bench" / "data").glob("*.wav")}
    assert own.isdisjoint(carried)
    assert {*own, *carried} == names
    assert not list(package.rglob("*piper_voice*"))


def test_it_carries_the_built_page_and_not_its_sources(installed: Path) -> None:
    [package] = installed.parents[1].glob("lib/python3.*/site-packages/vdx")
    page = (package / "_data" / "web" / "index.html").read_text()
    scripts = list((package / "_data" / "web" / "assets").glob("*.js"))
    assert any(script.name in page for script in scripts)
    assert not (package / "web").exists()
    record = (package.parent / f"vdx-{__version__}.dist-info" / "RECORD").read_text()
    tops = {line.partition("/")[0] for line in record.splitlines()} - {".."}
    assert tops == {"vdx", f"vdx-{__version__}.dist-info"}


def test_doctor_asks_for_the_environment_then_finds_it(installed: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    variables = {"VDX_HOME": str(home), "VDX_TRITON__URL": "127.0.0.1:9"}
    before = run(installed, "doctor", "--json", cwd=tmp_path, **variables)
    failed = [c for c in json.loads(before.stdout)["checks"] if c["status"] == "fail"]
    assert before.returncode == 1
    assert [(c["name"], c["mend"]) for c in failed] == [("triton environment", "run: vdx setup")]

    (home / "venv-triton").symlink_to(locate().triton_venv)
    after = run(installed, "doctor", cwd=tmp_path, **variables)
    assert after.returncode == 0, after.stdout


EVERY_COMMAND = """
from click.testing import CliRunner
from typer.main import get_command
from vdx.cli.main import COMMANDS, load_command, app

def helps(command, path):
    answer = CliRunner().invoke(command, ["--help"], prog_name=" ".join(path))
    assert answer.exit_code == 0 and "Usage: " in answer.output, (path, answer.exception)
    print(" ".join(path))
    for name in getattr(command, "commands", {}):
        found = command.resolve_command(None, [name])[1]
        helps(found, [*path, name])

helps(get_command(app), ["vdx"])
"""


def test_every_command_has_its_help(installed: Path, tmp_path: Path) -> None:
    answer = run(installed.parent / "python", "-c", EVERY_COMMAND, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    told = answer.stdout.splitlines()
    assert {f"vdx {name}" for name in COMMANDS} <= set(told)
    assert {"vdx models use", "vdx voices remove", "vdx bench turn"} <= set(told)


EVERY_IMPORT = """
import ast, importlib.util, pathlib, vdx

root = pathlib.Path(vdx.__file__).parent
places = {}
for file in sorted(root.rglob("*.py")):
    place = file.relative_to(root)
    if place.parts[0] in ("bench", "_data"):
        continue
    for node in ast.walk(ast.parse(file.read_text())):
        names = [node.module] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            # --llm installs the first into a folder of its own; the second is an extra, vdx[mcp].
            if name.partition(".")[0] not in ("xllamacpp", "mcp", "vdx"):
                places.setdefault(name, f"{place}:{node.lineno}")
for name, place in places.items():
    try:
        found = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        found = None
    if found is None:
        print(f"{place}: {name}")
"""


def test_every_module_that_is_imported_late_is_there(installed: Path, tmp_path: Path) -> None:
    answer = run(installed.parent / "python", "-c", EVERY_IMPORT, cwd=tmp_path)
    assert (answer.returncode, answer.stdout) == (0, ""), answer.stderr


NOBODY = "http://127.0.0.1:1"

RUNS: list[tuple[str, str]] = [
    ("models list --url NOBODY", "no vdx server answers at"),
    ("models use tone --url NOBODY", "no vdx server answers at"),
    ("voices list", ""),
    ("voices pull de_DE-eva_k-x_low --endpoint NOBODY", "does not answer"),
    ("voices remove mine --url NOBODY", ""),
    ("talk --url NOBODY --wav WAV", "127.0.0.1:1"),
    ("token --room hall --url NOBODY", "no vdx server answers at"),
    ("say hello --out hello.wav", "vdx setup"),
    ("transcribe WAV", "vdx setup"),
    ("triton", "vdx setup"),
    ("up --port 0", "vdx setup"),
    ("config", ""),
    ("bench turn --url NOBODY", "127.0.0.1:1"),
]
"""What is run without any server, and what its error says; an empty text: it succeeds."""


EVERY_RUN = """
import contextlib, io, json, sys
from vdx.cli.main import main

answers = []
for line in json.loads(sys.argv[1]):
    sys.argv[1:] = line
    told, status = io.StringIO(), 0
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
        try:
            main()
        except SystemExit as ended:
            status = ended.code or 0
    answers.append((status, told.getvalue()))
print(json.dumps(answers))
"""
"""All in one process: each start takes a second, and a module that is missing stays missing."""


def test_commands_reach_what_they_import_late(installed: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    pack = home / "voicepacks" / "piper" / "mine" / METADATA
    pack.parent.mkdir(parents=True)
    pack.write_text("id: mine\n")
    words = {"NOBODY": NOBODY, "WAV": str(min(locate().recordings.glob("*.wav")))}
    lines = json.dumps([[words.get(word, word) for word in line.split()] for line, _ in RUNS])
    done = run(
        installed.parent / "python", "-c", EVERY_RUN, lines, cwd=tmp_path, VDX_HOME=str(home)
    )
    assert done.returncode == 0, done.stderr
    for (line, error), (status, told) in zip(RUNS, json.loads(done.stdout), strict=True):
        assert error in told, (line, told)
        assert (status == 0) == (not error), (line, told)
