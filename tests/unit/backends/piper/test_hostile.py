"""A voicepack is untrusted input: whatever is wrong with it is an error with a name, at load."""

import json
import random
import struct
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from benchmarks.piper_voice import make_voice
from triton_backends.piper import config, voicepack
from triton_backends.piper.voicepack import load_engine
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.parameters import Parameters

Spoil = Callable[[Path], None]


def edit(change: Callable[[onnx.ModelProto], None]) -> Spoil:
    def spoil(network: Path) -> None:
        model = onnx.load(network)
        change(model)
        network.write_bytes(model.SerializeToString())

    return spoil


def set_json(**changes: object) -> Spoil:
    def spoil(network: Path) -> None:
        file = Path(f"{network}.json")
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))

    return spoil


def outside(network: Path) -> None:
    moved = network.parent.parent / "secret.onnx"
    network.rename(moved)
    network.symlink_to(moved)


def external(model: onnx.ModelProto) -> None:
    tensor = next(t for t in model.graph.initializer if t.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def foreign(model: onnx.ModelProto) -> None:
    model.graph.node[5].domain = "com.evil"


def looping(model: onnx.ModelProto) -> None:
    model.graph.node[5].op_type = "Loop"


def beheaded(model: onnx.ModelProto) -> None:
    next(n for n in model.graph.node if n.name == "/dec/conv_pre/Conv").name = "x"


def shrunk(model: onnx.ModelProto) -> None:
    tensor = next(t for t in model.graph.initializer if t.name == "dec.conv_pre.weight")
    tensor.raw_data = tensor.raw_data[:8]


def nameless(model: onnx.ModelProto) -> None:
    model.graph.input[1].name = "lengths"


def attentive(model: onnx.ModelProto) -> None:
    model.graph.input.add(name="attention")


def nested(model: onnx.ModelProto) -> None:
    model.graph.node[5].attribute.add(name="body").g.node.add(op_type="Constant")


def inner_external(model: onnx.ModelProto) -> None:
    tensor = model.graph.node[5].attribute.add(name="values").tensors.add()
    tensor.external_data.add(key="location", value="/dev/zero")


def composed(model: onnx.ModelProto) -> None:
    model.functions.add(name="Identity", domain="")


def unknown_ir(model: onnx.ModelProto) -> None:
    model.ir_version = 99


def modern(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 9999


SPOILS: dict[str, tuple[Spoil, str]] = {
    "truncated": (lambda p: p.write_bytes(p.read_bytes()[:100_000]), "not an ONNX model"),
    "empty": (lambda p: p.write_bytes(b""), "nodes"),
    "garbage": (lambda p: p.write_bytes(struct.pack("<64I", *range(64))), "ONNX"),
    "pickle": (lambda p: p.write_bytes(b"\x80\x04\x95\x10\x00\x00\x00"), "ONNX"),
    "external data": (edit(external), "another file"),
    "custom operator": (edit(foreign), "com.evil"),
    "control flow": (edit(looping), "Loop"),
    "another network": (edit(beheaded), "no Piper voice"),
    "short weights": (edit(shrunk), "cannot be loaded"),
    "newer format": (edit(modern), "cannot be loaded"),
    "newer IR": (edit(unknown_ir), "cannot be loaded"),
    "a claim of 2 GB": (lambda p: p.write_bytes(b"\x3a\xff\xff\xff\xff\x07"), "not an ONNX model"),
    "an input less": (edit(nameless), "no input 'input_lengths'"),
    "an input more": (edit(attentive), "wants an input 'attention'"),
    "more speakers": (set_json(num_speakers=2), "no input 'sid'"),
    "a graph inside": (edit(nested), "graph inside"),
    "external values": (edit(inner_external), "another file"),
    "functions": (edit(composed), "functions"),
    "link outside": (outside, "leads out of its folder"),
    "no configuration": (lambda p: Path(f"{p}.json").unlink(), "voice.onnx.json is missing"),
    "broken JSON": (lambda p: Path(f"{p}.json").write_text('{"a": '), "not JSON"),
    "deep JSON": (lambda p: Path(f"{p}.json").write_text("[" * 100_000), "not JSON"),
    "a list": (lambda p: Path(f"{p}.json").write_text("[]"), "the file is"),
    "rate": (set_json(audio={"sample_rate": 10**9}), "1000000000"),
    "ids": (set_json(phoneme_id_map={"a": [999999]}), "999999"),
    "no pad": (set_json(phoneme_id_map={"^": [1], "$": [2]}), "no '_'"),
    "speaker": (set_json(num_speakers=2, speaker_id_map={"a": 7}), "7"),
    "scale": (set_json(inference={"length_scale": 1e9}), "length_scale"),
    "not a number": (set_json(inference={"noise_scale": float("nan")}), "nan"),
    "language": (set_json(espeak={"voice": "../../etc"}), "espeak-ng has no"),
    "phonemes": (set_json(phoneme_type="klingon"), "klingon"),
    "no phonemizer": (set_json(phoneme_type="thai"), "no phonemizer for phoneme_type 'thai'"),
}


@pytest.mark.parametrize("name", SPOILS)
def test_a_bad_voicepack_is_refused_by_name(name: str, tmp_path: Path) -> None:
    spoil, named = SPOILS[name]
    spoil(make_voice("tiny", tmp_path / "voice"))
    with pytest.raises(InvalidArgument, match=named):
        load_engine(Parameters({"voicepack": "voice"}), tmp_path)


def test_sizes_are_limited_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_voice("tiny", tmp_path / "voice")
    monkeypatch.setattr(voicepack, "MAX_MODEL_BYTES", 1000)
    with pytest.raises(InvalidArgument, match="more than 1000"):
        load_engine(Parameters({"voicepack": "voice"}), tmp_path)
    monkeypatch.setattr(config, "MAX_CONFIG_BYTES", 100)
    with pytest.raises(InvalidArgument, match="more than 100"):
        load_engine(Parameters({"voicepack": "voice"}), tmp_path)


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({}, "voicepack is missing"),
        ({"voicepack": "nowhere"}, "no folder"),
        ({"voicepack": "voice", "threads": "many"}, "many"),
    ],
)
def test_bad_parameters_are_named(parameters: dict[str, str], named: str, tmp_path: Path) -> None:
    make_voice("tiny", tmp_path / "voice")
    with pytest.raises(InvalidArgument, match=named):
        load_engine(Parameters(parameters), tmp_path)


def test_random_damage_never_gets_past_the_checks(tmp_path: Path) -> None:
    """Flipped bytes either load or are refused; nothing else may happen."""
    network = make_voice("tiny", tmp_path / "voice")
    good = network.read_bytes()
    dice = random.Random(5)
    refused = 0
    for _ in range(20):
        damaged = bytearray(good)
        for _ in range(dice.choice([1, 20, 400])):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        network.write_bytes(damaged)
        try:
            load_engine(Parameters({"voicepack": "voice"}), tmp_path).close()
        except InvalidArgument:
            refused += 1
    assert 0 < refused < 20
