"""Building the environment of the models, with pip and with lists that need no network."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from vdx.cli import checks, interpreters, setup, voice_usage
from vdx.cli.extras import EXTRAS, Extra, lacks_japanese
from vdx.cli.interpreters import Interpreter
from vdx.core.errors import SetupError
from vdx.core.paths import Paths, locate
from vdx.serving.voicepacks.metadata import Voicepack
from vdx.serving.voicepacks.store import Entry, VoicepackStore

HERE = Path(sys.executable)


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A place whose list installs nothing, on a machine without uv."""
    (tmp_path / "data" / "requirements").mkdir(parents=True)
    (tmp_path / "data" / "requirements" / "triton.txt").write_text("# nothing\n")
    monkeypatch.setattr(setup, "find_uv", lambda paths: None)
    home = tmp_path / "home"
    return replace(locate(), data=tmp_path / "data", home=home, triton_venv=home / "venv-triton")


def fake_python(folder: Path, version: str, libpython: str) -> Path:
    """A program that answers the probe as a Python of `version` would."""
    path = folder / f"python{version}"
    answer = f'{{"version": "{version}", "libpython": "{libpython}"}}'
    path.write_text(f"#!/bin/sh\necho '{answer}'\n")
    path.chmod(0o755)
    return path


def test_second_build_does_nothing(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[Path] = []

    def make(venv: Path, interpreter: Interpreter, uv: Path | None) -> None:
        (venv / "bin").mkdir(parents=True)
        (venv / "bin" / "python").symlink_to(interpreter.executable)
        made.append(venv)

    monkeypatch.setattr(setup, "_make", make)
    monkeypatch.setattr(setup, "_install", lambda paths, uv: None)
    assert not setup.is_current(paths)
    setup.build_triton_environment(paths)
    assert setup.is_current(paths)
    setup.build_triton_environment(paths)
    assert made == [paths.triton_venv]
    assert "up to date" in capsys.readouterr().out


def test_changed_list_makes_it_outdated(paths: Paths) -> None:
    (paths.triton_venv / "bin").mkdir(parents=True)
    paths.triton_python.symlink_to(HERE)
    (paths.triton_venv / setup.STAMP).write_text(setup._digest(paths))
    assert setup.is_current(paths)
    (paths.requirements / "triton.txt").write_text("numpy==0\n")
    assert not setup.is_current(paths)


def test_failed_install_leaves_no_stamp(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without a hash pip refuses the list before it asks any index.
    (paths.requirements / "triton.txt").write_text("numpy==0\n")
    monkeypatch.setattr(setup, "_make", lambda venv, interpreter, uv: link_python(venv, HERE))
    with pytest.raises(SetupError, match="ended with status"):
        setup.build_triton_environment(paths)
    assert not setup.is_current(paths)


def link_python(venv: Path, python: Path) -> None:
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(python)


def test_lists_that_are_not_there_are_an_error(paths: Paths) -> None:
    (paths.requirements / "triton.txt").unlink()
    with pytest.raises(SetupError, match="no requirement lists"):
        setup.is_current(replace(paths, triton_venv=locate().triton_venv))


def test_our_own_python_can_run_models() -> None:
    found = interpreters.find_interpreter(None)
    assert found.fits
    assert found.libpython is not None
    assert found.libpython.exists()


def test_a_file_that_does_not_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="not a Python that runs"):
        interpreters.require_interpreter(tmp_path / "absent")


@pytest.mark.parametrize(
    ("version", "library", "advice"),
    [
        ("3.11", "", "apt install libpython3.11"),
        ("3.13", "/usr/lib/libpython3.13.so.1.0", "3.13 at"),
        ("3.9", "", "Python 3.11 or 3.12"),
    ],
)
def test_unfit_python_gets_the_line_that_mends_it(
    tmp_path: Path, version: str, library: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = fake_python(tmp_path, version, library)
    with pytest.raises(SetupError, match=advice):
        interpreters.require_interpreter(python)
    monkeypatch.setattr(interpreters, "candidates", lambda: iter([python]))
    with pytest.raises(SetupError, match=advice):
        interpreters.find_interpreter(None)


def test_uv_fetches_a_python_where_none_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = fake_python(tmp_path, "3.12", str(tmp_path))
    uv = tmp_path / "uv"
    uv.write_text(f'#!/bin/sh\n[ "$2" = install ] || echo {fetched}\n')
    uv.chmod(0o755)
    monkeypatch.setattr(interpreters, "candidates", lambda: iter(()))
    assert interpreters.find_interpreter(uv).executable == fetched


@pytest.mark.parametrize("extra", EXTRAS, ids=lambda extra: extra.name)
def test_an_extra_is_added_from_its_list_alone(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], extra: Extra
) -> None:
    paths.triton_venv.mkdir(parents=True)
    (paths.requirements / extra.list_name).write_text("# nothing\n")
    ran: list[list[str]] = []
    monkeypatch.setattr(setup, "_run", lambda command: ran.append([str(part) for part in command]))
    setup._install_extra(paths, extra)
    (command,) = ran
    assert command[0] == str(paths.triton_python)
    assert command[-2:] == ["-r", str(paths.requirements / extra.list_name)]
    assert {"--no-deps", "--require-hashes"} <= set(command)
    assert extra.afterwards in capsys.readouterr().out


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("extra", EXTRAS, ids=lambda extra: extra.name)
def test_an_extra_is_added_again_after_a_rebuild(
    paths: Paths,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    extra: Extra,
    force: bool,
) -> None:
    added: list[list[str]] = []

    def make(venv: Path, interpreter: Interpreter, uv: Path | None) -> None:
        (venv / "bin").mkdir(parents=True, exist_ok=True)
        (venv / "bin" / "python").unlink(missing_ok=True)
        (venv / "bin" / "python").symlink_to(interpreter.executable)

    (paths.requirements / extra.list_name).write_text("# nothing\n")
    monkeypatch.setattr(setup, "_make", make)
    monkeypatch.setattr(setup, "_install", lambda paths, uv: None)
    monkeypatch.setattr(
        setup, "_add", lambda paths, uv, lists: added.append([p.name for p in lists])
    )
    setup.build_triton_environment(paths)
    assert added == []
    setup._install_extra(paths, extra)
    assert added == [[extra.list_name]]
    (paths.requirements / "triton.txt").write_text("# nothing else\n")
    setup.build_triton_environment(paths, force=force)
    assert added == [[extra.list_name]] * 2
    assert extra.gives in capsys.readouterr().out
    assert setup.is_current(paths)
    (paths.requirements / extra.list_name).write_text("# another\n")
    assert not setup.is_current(paths)


def test_a_japanese_voice_without_its_libraries_is_told(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = Voicepack.model_validate(
        {
            **dict.fromkeys(("cpu_ok", "expressive", "cloning", "lora"), False),
            "id": "kokoro-ja",
            "family": "kokoro",
            "languages": ["ja"],
            "sample_rate": 24_000,
            "licence": "Apache-2.0",
            "source": "here",
            "files": {},
        }
    )
    assert lacks_japanese(pack, paths)
    monkeypatch.setattr("vdx.core.paths.locate", lambda: paths)
    voice_usage.tell_added(pack)
    assert "vdx setup --japanese" in capsys.readouterr().out
    entry = Entry("kokoro-ja", "kokoro", paths.home, comes_along=False, pack=pack)
    monkeypatch.setattr(VoicepackStore, "entries", lambda self: [entry])
    check = checks.check_voicepacks(paths)
    assert (check.status, check.mend) == (checks.Status.WARN, "run: vdx setup --japanese")
    assert not lacks_japanese(pack.model_copy(update={"languages": ["en-US"]}), paths)
    (paths.triton_venv / "lib" / "python3.11" / "site-packages" / "pyopenjtalk").mkdir(parents=True)
    assert not lacks_japanese(pack, paths)
