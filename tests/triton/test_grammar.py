"""Recognisers of a grammar or of sentences, in Triton, and the command that makes them."""

from pathlib import Path

import pytest

from tests.triton import repository as repo
from tests.triton.commands import Call
from tests.triton.test_contract import recording
from tests.triton.wire import Wire

MENU = """#JSGF V1.0;
grammar menu;
public <command> = (go | move) (forward | backward) <number> meters;
<number> = one | two | ten;
"""
WRONG = MENU.replace("ten;", "ten |\n pizzzza;")
AUDIO = str(repo.ROOT / "tests" / "data" / "audio" / "ps_goforward.wav")


def variant(repository: Path, name: str, parameter: str, text: str) -> None:
    repo.add_variant(repository, name, "pocketsphinx-en", {parameter: f"1/{name}.txt"})
    (repository / name / "1" / f"{name}.txt").write_text(text)


async def heard(wire: Wire, model: str) -> str:
    async with wire.stream(model) as stream:
        await stream.send_audio(recording(), start=True, end=True)
        final = await stream.read_state(2)
    return str(final.outputs["TEXT"])


async def test_a_grammar_and_sentences_are_heard(wire: Wire, model_repository: Path) -> None:
    variant(model_repository, "kiosk", "grammar", MENU)
    variant(model_repository, "robot", "sentences", "Go forward ten meters.\nWhat time is it?\n")
    for model in ("kiosk", "robot"):
        await wire.load(model)
        assert await heard(wire, model) == "go forward ten meters"
        await wire.unload(model)


async def test_a_wrong_grammar_is_refused_on_load(wire: Wire, model_repository: Path) -> None:
    variant(model_repository, "kiosk-wrong", "grammar", WRONG)
    with pytest.raises(Exception, match=r"kiosk-wrong\.txt .*line 5: 'pizzzza'"):
        await wire.load("kiosk-wrong")


def test_a_recogniser_is_made_used_and_removed(
    vdx: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VDX_HOME", str(tmp_path / "home"))
    menu, own = tmp_path / "menu.jsgf", tmp_path / "own.txt"
    menu.write_text(WRONG)
    refused = vdx("grammar", "add", str(menu))
    assert refused.status == 2
    assert "menu.jsgf has words without a pronunciation: line 5: 'pizzzza'" in refused.err
    assert not (tmp_path / "home" / "model_repository" / "menu").exists()
    own.write_text("pizzzza P IY T S AH\n")
    made = vdx("grammar", "add", str(menu), "--dictionary", str(own), "--id", "kiosk")
    assert made.status == 0, made.err
    assert "kiosk is here" in made.out
    assert "--replace" in vdx("grammar", "add", str(menu), "--id", "kiosk").err
    menu.write_text(MENU)
    assert vdx("grammar", "check", str(menu)).status == 0
    assert vdx("grammar", "add", str(menu), "--id", "kiosk", "--replace").status == 0
    said = vdx("transcribe", AUDIO, "--model", "kiosk")
    assert "go forward ten meters" in said.out, said.err
    assert "pocketsphinx-en" in vdx("grammar", "add", str(menu), "--id", "pocketsphinx-en").err
    (document := tmp_path / "menu.doc").write_text(MENU)
    assert "'.doc'" in vdx("grammar", "check", str(document)).err
    assert vdx("grammar", "remove", "kiosk").out == "kiosk is removed\n"
    assert vdx("grammar", "remove", "kiosk").status == 2


def test_the_grammar_of_the_example_is_one(vdx: Call) -> None:
    checked = vdx("grammar", "check", str(repo.ROOT / "examples" / "kiosk.jsgf"))
    assert checked.status == 0, checked.err
