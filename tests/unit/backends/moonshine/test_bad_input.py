"""Files that do not go together are refused by name."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from tests.unit.backends.moonshine.drive import DATA
from triton_backends.moonshine.load_check import check
from triton_backends.moonshine.model_folder import open_model
from triton_backends.moonshine.vocabulary import Vocabulary, read_vocabulary
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.network import Device
from triton_backends.shared.parameters import Parameters

Harm = Callable[[Path], object]


def gone(name: str) -> Harm:
    return lambda folder: (folder / name).unlink()


def swapped(first: str, second: str) -> Harm:
    def harm(folder: Path) -> None:
        one, two = folder / first, folder / second
        kept = one.read_bytes()
        one.write_bytes(two.read_bytes())
        two.write_bytes(kept)

    return harm


def settings(**changes: object) -> Harm:
    def harm(folder: Path) -> None:
        file = folder / "streaming_config.json"
        tree = json.loads(file.read_text("utf-8")) | changes
        kept = {key: value for key, value in tree.items() if value != "GONE"}
        file.write_text(json.dumps(kept), "utf-8")

    return harm


def written(name: str, text: bytes) -> Harm:
    return lambda folder: (folder / name).write_bytes(text)


def longer(name: str, more: bytes) -> Harm:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes() + more)


def cut_off(name: str) -> Harm:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-9])


def without_output(name: str, output: str) -> Harm:
    def harm(folder: Path) -> None:
        model = onnx.load(str(folder / name))
        found = next(each for each in model.graph.output if each.name == output)
        model.graph.output.remove(found)
        (folder / name).write_bytes(model.SerializeToString())

    return harm


def future_opset(name: str) -> Harm:
    def harm(folder: Path) -> None:
        model = onnx.load(str(folder / name))
        model.opset_import[0].version = 99
        (folder / name).write_bytes(model.SerializeToString())

    return harm


def external(name: str) -> Harm:
    """Its largest weights lie in a file beside it that is not there."""

    def harm(folder: Path) -> None:
        model = onnx.load(str(folder / name))
        tensor = max(model.graph.initializer, key=lambda each: len(each.raw_data))
        assert tensor.raw_data
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=f"{name}.data")
        (folder / name).write_bytes(model.SerializeToString())

    return harm


def linked_out(name: str) -> Harm:
    def harm(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to("/etc/hosts")

    return harm


STREAMING: dict[str, tuple[Harm, str]] = {
    **{
        f"no {name}": (gone(f"{name}.onnx"), f"there is no {name}.ort and no {name}.onnx")
        for name in ("frontend", "encoder", "adapter", "cross_kv")
    },
    "no decoder": (gone("decoder_kv_with_attention.onnx"), "there is no decoder_kv.ort"),
    "no tokenizer": (gone("tokenizer.bin"), "there is no tokenizer.bin and no tokenizer.json"),
    "a tokenizer of another size": (
        longer("tokenizer.bin", b"\x01x"),
        "the tokenizer has 49 tokens, decoder_kv_with_attention.onnx 48",
    ),
    "a tokenizer cut off": (longer("tokenizer.bin", b"\x05x"), "ends within token 48"),
    "a length cut off": (longer("tokenizer.bin", b"\x85"), "ends within the length of token 48"),
    "no settings' key": (settings(depth="GONE"), "streaming_config.json has no 'depth'"),
    "a depth of words": (settings(depth="two"), "depth 'two' cannot be"),
    "a depth of nothing": (settings(depth=0), "depth '0' cannot be"),
    "settings that are a list": (written("streaming_config.json", b"[]"), "is no object"),
    "settings cut off": (cut_off("streaming_config.json"), "streaming_config.json is not JSON"),
    "an end beyond the vocabulary": (settings(eos_id=48), "eos_id 48 is beyond"),
    "another width": (
        settings(encoder_dim=24),
        r"features has the shape \[1, N, 20\].*\[N, N, 24\]",
    ),
    "another depth": (settings(depth=3), r"k_cross has the shape \[2, 1, 2, N, 8\].*\[3, 1, 2"),
    "another number of heads": (settings(nheads=4), r"k_cross has the shape"),
    "another frame": (settings(frame_len=160), r"sample_buffer has the shape \[1, 79\]"),
    "another vocabulary": (settings(vocab_size=50), r"logits has the shape \[N, N, 48\]"),
    "encoder and adapter swapped": (
        swapped("encoder.onnx", "adapter.onnx"),
        "encoder.onnx has no input 'features'",
    ),
    "cross_kv and decoder swapped": (
        swapped("cross_kv.onnx", "decoder_kv_with_attention.onnx"),
        "cross_kv.onnx has no input 'memory'",
    ),
    "a decoder without its keys": (
        without_output("decoder_kv_with_attention.onnx", "out_v_self"),
        "no output 'out_v_self'",
    ),
    "another opset": (future_opset("adapter.onnx"), "adapter.onnx cannot be loaded"),
    "cut off": (cut_off("encoder.onnx"), "encoder.onnx cannot be loaded"),
    "external data gone": (external("encoder.onnx"), "encoder.onnx cannot be loaded"),
    "a link out": (linked_out("cross_kv.onnx"), "leads out of its folder"),
}

WHOLE: dict[str, tuple[Harm, str]] = {
    "no encoder": (gone("encoder_model.onnx"), "there is no encoder_model.ort"),
    "no decoder": (gone("decoder_model_merged.onnx"), "there is no decoder_model_merged.ort"),
    "encoder and decoder swapped": (
        swapped("encoder_model.onnx", "decoder_model_merged.onnx"),
        "does not take samples",
    ),
    "external data gone": (
        external("encoder_model.onnx"),
        "encoder_model.onnx cannot be loaded",
    ),
    "no vocabulary": (written("tokenizer.json", b"{}"), "tokenizer.json has no vocabulary"),
    "an empty vocabulary": (
        written("tokenizer.json", b'{"model": {"vocab": {}}}'),
        "tokenizer.json has 0 tokens",
    ),
    "a number beyond": (
        written("tokenizer.json", b'{"model": {"vocab": {"a": 4000000000}}}'),
        "tokenizer.json has 4000000001 tokens",
    ),
    "a tokenizer of another size": (
        written("tokenizer.json", b'{"model": {"vocab": {"a": 7}}}'),
        "the tokenizer has 8 tokens, decoder_model_merged.onnx 48",
    ),
    "a decoder without its keys": (
        without_output("decoder_model_merged.onnx", "present.1.decoder.value"),
        "decoder_model_merged.onnx",
    ),
}

CASES = [
    *(("streaming", name, *case) for name, case in STREAMING.items()),
    *(("whole", name, *case) for name, case in WHOLE.items()),
]


@pytest.mark.parametrize(
    ("layout", "harm", "said"),
    [(layout, harm, said) for layout, _, harm, said in CASES],
    ids=[f"{layout}: {name}" for layout, name, _, _ in CASES],
)
def test_it_is_refused(tmp_path: Path, layout: str, harm: Harm, said: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(DATA / layout, folder)
    harm(folder)
    with pytest.raises(InvalidArgument, match=said):
        check(Parameters({"voicepack": "."}), folder)


@pytest.mark.parametrize("layout", ["streaming", "whole"])
def test_a_whole_folder_is_taken(layout: str) -> None:
    check(Parameters({"voicepack": "."}), DATA / layout)


def test_a_table_may_leave_out_the_last_marks(tmp_path: Path) -> None:
    """As that of the released base model does: 32,000 of 32,768 tokens."""
    folder = tmp_path / "model"
    shutil.copytree(DATA / "streaming", folder)
    whole = read_vocabulary(folder)
    texts = [whole.text(number) for number in range(len(whole) - 1)]
    raw = b"".join(bytes([len(text)]) + text for text in texts)
    (folder / "tokenizer.bin").write_bytes(raw)
    check(Parameters({"voicepack": "."}), folder)
    found = open_model(folder, Device(), 6.5).vocabulary
    assert [found.text(number) for number in range(len(whole))] == [*texts, b""]
    (folder / "tokenizer.bin").write_bytes(raw[: -len(texts[-1]) - 1])
    with pytest.raises(InvalidArgument, match=r"the tokenizer has 46 tokens, .* 48"):
        check(Parameters({"voicepack": "."}), folder)


def test_both_tables_write_the_same() -> None:
    binary, json_ = (read_vocabulary(DATA / layout) for layout in ("streaming", "whole"))
    for tokens in ([9, 10, 12], [6, 7, 8, 3], [1, 9, 2]):
        assert binary.written(tokens) == json_.written(tokens)
    assert binary.written([6, 7, 8, 3]) == "你."
    assert binary.punctuates


def test_long_tokens_have_two_bytes_of_length(tmp_path: Path) -> None:
    text = b"a" * 300
    (tmp_path / "tokenizer.bin").write_bytes(
        bytes([300 % 128 + 128, 300 // 128]) + text + b"\x00" + bytes([3]) + "▁".encode()
    )
    found = read_vocabulary(tmp_path)
    assert [found.text(number) for number in range(len(found))] == [text, b"", b" "]


def test_marks_have_no_text() -> None:
    found = Vocabulary([b"<s>", b"<0x41>", b"<<ST_1>>", b"<"])
    assert [found.text(number) for number in range(4)] == [b"", b"A", b"<<ST_1>>", b"<"]
