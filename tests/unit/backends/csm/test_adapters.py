"""LoRA adapters over one CSM: as peft computes them, changed between frames, never loaded twice."""

import json
import shutil
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.backends.csm.adapter_files import as_transformers_4, make_adapter
from tests.unit.backends.csm.conftest import GREEDY, said
from tests.unit.backends.interleaving import in_turn
from triton_backends.csm.adapter_files import is_adapter, read_adapter
from triton_backends.shared.contract import TtsRequest
from triton_backends.shared.errors import InvalidArgument

pytestmark = pytest.mark.neural

TEXT, OTHER = "Hello there.", "And you?"


@pytest.fixture(scope="module")
def home(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A voicepack with two adapters beside it, and one with the names of transformers 4."""
    place = tmp_path_factory.mktemp("adapters")
    shutil.copytree(folder, place / "voice")
    make_adapter(place / "anna", folder, 1)
    make_adapter(place / "ben", folder, 2, use_rslora=True)
    as_transformers_4(place / "anna", place / "old")
    return place


@pytest.fixture(scope="module")
def load_beside(home: Path) -> Callable[..., Any]:
    from triton_backends.csm.voicepack import load_engine
    from triton_backends.shared.parameters import Parameters

    return lambda **more: load_engine(Parameters(GREEDY | more), home / "voice")


@pytest.fixture(scope="module")
def engine(load_beside: Callable[..., Any]) -> Any:
    return load_beside()


def by_peft(home: Path, adapter: str, frames: int) -> list[list[int]]:
    """The codes that the library says with peft's own loading."""
    from peft import PeftModel
    from transformers import CsmForConditionalGeneration, CsmProcessor

    voice = home / "voice"
    base = CsmForConditionalGeneration.from_pretrained(voice)
    model = PeftModel.from_pretrained(base, home / adapter).eval().get_base_model()
    turn = {"role": "0", "content": [{"type": "text", "text": TEXT}]}
    processor = CsmProcessor.from_pretrained(voice)
    inputs = processor.apply_chat_template([turn], tokenize=True, return_dict=True)
    told = {"do_sample": False, "depth_decoder_do_sample": False}
    codes: list[list[int]] = model.generate(**inputs, max_new_tokens=frames, **told)[0].tolist()
    return codes


def codes_of(engine: Any, speaker: str) -> list[list[int]]:
    """Of a session of its own, in which nothing was said before."""
    session = uuid.uuid4().hex
    said(engine, TEXT, speaker=speaker, session=session)
    turns = engine.conversations.before(session, speaker)
    found: list[list[int]] = turns[-1].codes.tolist()
    return found


@pytest.mark.parametrize("adapter", ["anna", "ben"])
def test_an_adapter_speaks_as_peft_loads_it(engine: Any, home: Path, adapter: str) -> None:
    plain, ours = codes_of(engine, "0"), codes_of(engine, adapter)
    assert ours != plain
    assert ours[:10] == by_peft(home, adapter, 10)
    assert codes_of(engine, "0") == plain, "and without it again"


def test_an_adapter_of_transformers_4_is_the_same(engine: Any, home: Path) -> None:
    old, new = (read_adapter(home / name).tensors for name in ("old", "anna"))
    assert old.keys() == new.keys()
    assert any("codec_model.decoder.decoder_transformer" in layer for layer in old)
    assert np.array_equal(said(engine, TEXT, speaker="old"), said(engine, TEXT, speaker="anna"))


def test_sessions_with_different_adapters_in_turn_speak_as_if_alone(engine: Any) -> None:
    speakers = ("anna", "0", "ben")
    alone = [said(engine, OTHER, speaker=speaker) for speaker in speakers]
    streams = [engine.synthesize(TtsRequest(OTHER, speaker=each)) for each in speakers]
    for own, heard in zip(alone, in_turn(streams), strict=True):
        assert np.array_equal(own, heard)


def test_an_adapter_changes_without_loading_anything(
    engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from triton_backends.csm import adapters

    for speaker in ("anna", "ben"):
        next(engine.synthesize(TtsRequest(TEXT, speaker=speaker)))
    read: list[Path] = []
    monkeypatch.setattr(adapters, "read_adapter", read.append)
    weights = [each.data_ptr() for each in engine.network.model.parameters()]
    took = []
    for _ in range(5):
        for speaker in ("anna", "ben", ""):
            began = time.thread_time()
            engine.adapters.use(speaker)
            took.append(time.thread_time() - began)
    assert read == []
    assert weights == [each.data_ptr() for each in engine.network.model.parameters()]
    # Of this thread's own time, which no other process has a part in.
    assert sorted(took)[len(took) // 2] < 0.02


def test_a_merged_copy_says_the_same(load_beside: Callable[..., Any], engine: Any) -> None:
    merged = load_beside(merged="anna")
    assert codes_of(merged, "anna") == codes_of(engine, "anna")
    assert merged.adapters.loaded == 0
    mine, base = merged._speaker("anna").network, merged.network
    assert mine.model is not base.model
    assert np.array_equal(said(merged, TEXT), said(engine, TEXT)), "the base is as it was"


def test_an_adapter_that_comes_later_is_found_and_few_are_kept(
    load_beside: Callable[..., Any], home: Path
) -> None:
    engine = load_beside(kept_adapters="1")
    with pytest.raises(InvalidArgument, match="'later': the speakers here are 0 to 9 and the"):
        said(engine, TEXT, speaker="later")
    shutil.copytree(home / "ben", home / "later")
    try:
        later = said(engine, TEXT, speaker="later")
        assert np.array_equal(later, said(engine, TEXT, speaker="ben"))
        assert engine.adapters.loaded == 1
        assert np.array_equal(later, said(engine, TEXT, speaker="later"))
    finally:
        shutil.rmtree(home / "later")
    with pytest.raises(InvalidArgument, match="SPEAKER 'later'"):
        said(engine, TEXT, speaker="later")


def test_one_that_is_replaced_is_read_again(load_beside: Callable[..., Any], home: Path) -> None:
    engine = load_beside()
    shutil.copytree(home / "anna", home / "changing")
    try:
        first = said(engine, TEXT, speaker="changing")
        shutil.rmtree(home / "changing")
        shutil.copytree(home / "ben", home / "changing", copy_function=shutil.copy)
        assert not np.array_equal(first, said(engine, TEXT, speaker="changing"))
    finally:
        shutil.rmtree(home / "changing")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"peft_type": "LOHA"}, "is not the configuration of a LoRA adapter"),
        ({"use_dora": True}, "use_dora: an adapter with DoRA is not taken"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save: an adapter with whole layers"),
        ({"bias": "all"}, "bias 'all' is not taken"),
        ({"r": 0}, "r 0 is no number"),
        ({"lora_alpha": "much"}, "lora_alpha 'much' is no number"),
    ],
    ids=["kind", "dora", "layers", "bias", "rank", "alpha"],
)
def test_an_adapter_of_another_kind_is_refused(
    home: Path, tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    shutil.copytree(home / "anna", tmp_path / "copy")
    file = tmp_path / "copy" / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(InvalidArgument, match=reason):
        read_adapter(tmp_path / "copy")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda tensors: {"lm_head.weight": next(iter(tensors.values()))},
            "is no weight of a LoRA",
        ),
        (lambda tensors: dict(list(tensors.items())[1:]), "needs lora_A and lora_B"),
        (lambda tensors: {}, "holds no weights"),
        (lambda tensors: {k: v[:, :4].clone() for k, v in tensors.items()}, "differ in their rank"),
    ],
    ids=["foreign", "half", "empty", "rank"],
)
def test_weights_that_are_none_of_an_adapter_are_refused(
    home: Path, tmp_path: Path, change: Callable[..., Any], reason: str
) -> None:
    from safetensors.torch import load_file, save_file

    shutil.copytree(home / "anna", tmp_path / "copy")
    assert is_adapter(tmp_path / "copy")
    file = tmp_path / "copy" / "adapter_model.safetensors"
    save_file(change(load_file(file)), file)
    with pytest.raises(InvalidArgument, match=reason):
        read_adapter(tmp_path / "copy")


def test_an_adapter_of_a_larger_model_is_refused_and_the_voice_goes_on(
    engine: Any, home: Path
) -> None:
    from safetensors.torch import load_file, save_file

    plain = said(engine, TEXT)
    shutil.copytree(home / "anna", home / "large")
    try:
        file = home / "large" / "adapter_model.safetensors"
        tensors = {k: v.repeat(1, 2) if "lora_A" in k else v for k, v in load_file(file).items()}
        save_file(tensors, file)
        with pytest.raises(InvalidArgument, match=r"adapter_model\.safetensors does not fit"):
            said(engine, TEXT, speaker="large")
    finally:
        shutil.rmtree(home / "large")
    assert np.array_equal(plain, said(engine, TEXT))
