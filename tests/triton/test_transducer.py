"""A streaming model of each layout: `vdx voices add` takes it, and a real Triton serves it."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.triton.test_whisper import utter
from tests.triton.transducer_models import ROOT, add_transducer, make
from tests.triton.wire import Wire
from vdx.core.errors import InvalidVoicepack
from vdx.core.paths import locate
from vdx.serving.voicepacks.identify import identify
from vdx.serving.voicepacks.load_check import load_once
from vdx.serving.voicepacks.staging import Origin
from vdx.serving.voicepacks.store import VoicepackStore

TRANSDUCERS = ("zipformer", "ctc", "nemo")
"""What Moonshine says may change at its end, while somebody speaks."""
RECORDING = ROOT / "tests" / "data" / "audio" / "ps_librivox_0930.wav"
MARKED = RECORDING.with_name("ps_something.wav")
"""In which the tiny model with marks hears some."""


@pytest.mark.parametrize("layout", ["zipformer", "ctc", "nemo", "streaming", "whole"])
async def test_an_added_model_streams(
    layout: str, tmp_path: Path, model_repository: Path, wire: Wire
) -> None:
    name = f"tiny-{layout}-en"
    pack = add_transducer(model_repository, name, layout, tmp_path)
    assert (pack.id, pack.languages, pack.sample_rate) == (name, ["en"], 16_000)
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
        if layout in TRANSDUCERS:
            assert partial["STABLE"][0] == len(partial["TEXT"])
        text = partial["TEXT"][: partial["STABLE"][0]]
    assert text or layout not in TRANSDUCERS, "sent at once, Moonshine's FLUSH overtakes partials"
    assert speculative["STATE"][0] == 1
    assert final["TEXT"] == speculative["TEXT"]
    assert final["TEXT"].startswith(text)
    assert final["STABLE"][0] == len(final["TEXT"]) > 0
    assert final["AUDIO_MS"][0] == audio.size // 16
    assert 0 < final["CONFIDENCE"][0] <= 1
    refused = await utter(wire, name, np.zeros(320, np.int16), LANGUAGE="fr")
    assert "understands only en" in refused[-1].error


async def test_marks_of_the_turn_reach_the_client(
    tmp_path: Path, model_repository: Path, wire: Wire
) -> None:
    add_transducer(model_repository, "tiny-eou-en", "eou", tmp_path)
    await wire.load("tiny-eou-en")
    audio, _ = soundfile.read(MARKED, dtype="int16")
    answers = await utter(wire, "tiny-eou-en", audio[: audio.size // 320 * 320])
    final = answers[-1].outputs
    marks = json.loads(final["MARKS"])
    assert {mark["kind"] for mark in marks} <= {"end", "backchannel"}
    times = [mark["at_ms"] for mark in marks]
    assert times == sorted(times)
    assert 0 < times[-1] <= final["AUDIO_MS"][0] + 1000
    assert "<" not in final["TEXT"]


def test_an_exported_eou_model_is_added(tmp_path: Path) -> None:
    """The files of the conversion that sherpa-onnx's users make, with what it writes into them."""
    paths = replace(locate(), home=tmp_path / "home")
    store = VoicepackStore(paths, load_once(paths))
    folder = make("exported-eou", tmp_path / "parakeet-realtime-eou-120m-en")
    pack = store.add(*identify(folder), Origin("here"))
    assert (pack.languages, pack.sample_rate) == (["en"], 16_000)
    config = (paths.pulled_models / pack.id / "config.pbtxt").read_text("utf-8")
    assert re.search(r'"turn_marks"\s+value \{\s+string_value: "true"', config), config
    kept = {file.name for file in (paths.home / "voicepacks" / "transducer" / pack.id).rglob("*.*")}
    assert {"encoder.onnx", "encoder.data", "encoder.int8.onnx", "tokens.txt"} <= kept


def test_a_model_that_is_not_whole_is_not_added(tmp_path: Path) -> None:
    paths = replace(locate(), home=tmp_path / "home")
    store = VoicepackStore(paths, load_once(paths))
    folder = make("zipformer", tmp_path / "tiny")
    next(folder.glob("joiner*")).unlink()
    with pytest.raises(InvalidVoicepack, match=r"no joiner\*\.onnx beside encoder"):
        store.add(*identify(folder), Origin("here"))
