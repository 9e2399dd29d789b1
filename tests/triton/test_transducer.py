"""A streaming model of each layout: `vdx voices add` takes it, and a real Triton serves it."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.triton.test_whisper import utter
from tests.triton.wire import Wire
from vdx.core.errors import InvalidVoicepack
from vdx.core.paths import locate
from vdx.serving.voicepacks.identify import identify
from vdx.serving.voicepacks.load_check import load_once
from vdx.serving.voicepacks.staging import Origin
from vdx.serving.voicepacks.store import VoicepackStore

ROOT = Path(__file__).parents[2]
TINY = "tests.unit.backends.transducer.tiny"
RECORDING = ROOT / "tests" / "data" / "audio" / "ps_something.wav"


def make(layout: str, folder: Path) -> Path:
    command = [locate().triton_python, "-m", TINY, layout, folder]
    subprocess.run(command, check=True, timeout=300, cwd=ROOT)
    return folder


@pytest.mark.parametrize("layout", ["zipformer", "ctc", "nemo"])
async def test_an_added_model_streams(
    layout: str, tmp_path: Path, model_repository: Path, wire: Wire
) -> None:
    paths = replace(locate(), home=tmp_path / "home")
    store = VoicepackStore(paths, load_once(paths))
    name = f"tiny-{layout}-en"
    pack = store.add(*identify(make(layout, tmp_path / name)), Origin("here"))
    assert (pack.id, pack.languages, pack.sample_rate) == (name, ["en"], 16_000)
    store.check(store.find(name))
    shutil.copytree(
        paths.home / "voicepacks", model_repository.parent / "voicepacks", dirs_exist_ok=True
    )
    shutil.copytree(paths.pulled_models / name, model_repository / name)
    await wire.load(name)
    audio, _ = soundfile.read(RECORDING, dtype="int16")
    audio = audio[: audio.size // 320 * 320]
    answers = await utter(wire, name, audio, LANGUAGE="en")
    assert [answer.error for answer in answers] == [""] * len(answers)
    *partials, speculative, final = [answer.outputs for answer in answers]
    text = ""
    for partial in partials:
        assert partial["STATE"][0] == 0
        assert partial["TEXT"].startswith(text)
        assert partial["STABLE"][0] == len(partial["TEXT"])
        text = partial["TEXT"]
    assert text
    assert speculative["STATE"][0] == 1
    assert final["TEXT"] == speculative["TEXT"]
    assert final["TEXT"].startswith(text)
    assert final["AUDIO_MS"][0] == audio.size // 16
    assert 0 < final["CONFIDENCE"][0] <= 1
    refused = await utter(wire, name, np.zeros(320, np.int16), LANGUAGE="fr")
    assert "understands only en" in refused[-1].error


def test_a_model_that_is_not_whole_is_not_added(tmp_path: Path) -> None:
    paths = replace(locate(), home=tmp_path / "home")
    store = VoicepackStore(paths, load_once(paths))
    folder = make("zipformer", tmp_path / "tiny")
    next(folder.glob("joiner*")).unlink()
    with pytest.raises(InvalidVoicepack, match=r"no joiner\*\.onnx beside encoder"):
        store.add(*identify(folder), Origin("here"))
