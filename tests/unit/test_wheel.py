"""The wheel works where there is no checkout: built, installed by pip, run from elsewhere."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from vdx import __version__
from vdx.bench import interruptions, jitter, perf_data, sessions, transcriptions
from vdx.bench.clips import BARGE_IN_CLIPS, LISTENING_SOUND, TURN_CLIPS
from vdx.cli.welcome import PROOF_RECORDING
from vdx.core.paths import locate

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
    """The `vdx` of a fresh environment; its libraries are borrowed from this one."""
    place = tmp_path_factory.mktemp("wheel")
    wheel = place / f"vdx-{__version__}-py3-none-any.whl"
    pip = [sys.executable, "-m", "pip", "--python", place / "venv"]
    steps: list[list[str | Path]] = [
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", place, CHECKOUT],
        [sys.executable, "-m", "venv", "--without-pip", place / "venv"],
        [*pip, "install", "--no-index", "--no-deps", wheel],
    ]
    for step in steps:
        done = run(*step, cwd=place)
        assert done.returncode == 0, done.stderr + done.stdout
    [packages] = (place / "venv").glob("lib/python3.*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
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
    tops = {p.name for p in package.parent.iterdir()} - {"libraries.pth", "__pycache__"}
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
