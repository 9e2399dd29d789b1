"""Files that do not go together are refused by name, and so is what cannot be streamed."""

import shutil
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from tests.unit.backends.transducer import tiny
from tests.unit.backends.transducer.drive import chirp, done, open_engine, started, sure
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.parameters import Parameters
from triton_backends.transducer.encoder import RATES
from triton_backends.transducer.load_check import check

Harm = Callable[[Path], object]


def network(folder: Path, part: str) -> Path:
    return next(folder.glob(f"{part}*.onnx"))


def change(part: str, alter: Callable[[onnx.ModelProto], object]) -> Harm:
    """Rewrite one network."""

    def harm(folder: Path) -> None:
        file = network(folder, part)
        model = onnx.load(str(file))
        alter(model)
        file.write_bytes(model.SerializeToString())

    return harm


def metadata(part: str, **changes: object) -> Harm:
    def alter(model: onnx.ModelProto) -> None:
        values = {each.key: each.value for each in model.metadata_props} | {
            key: str(value) for key, value in changes.items()
        }
        del model.metadata_props[:]
        onnx.helper.set_model_props(model, {k: v for k, v in values.items() if v != "GONE"})

    return change(part, alter)


def swap(first: str, second: str) -> Harm:
    def harm(folder: Path) -> None:
        one, two = network(folder, first), network(folder, second)
        kept = one.read_bytes()
        one.write_bytes(two.read_bytes())
        two.write_bytes(kept)

    return harm


def tokens(text: Callable[[str], str]) -> Harm:
    def harm(folder: Path) -> None:
        file = folder / "tokens.txt"
        file.write_text(text(file.read_text("utf-8")), "utf-8")

    return harm


def without_inputs(*names: str) -> Callable[[onnx.ModelProto], object]:
    """The states become constants: a network that does not stream."""

    def alter(model: onnx.ModelProto) -> None:
        graph = model.graph
        for each in [each for each in graph.input if each.name.startswith(names)]:
            shape = [max(size.dim_value, 1) for size in each.type.tensor_type.shape.dim]
            count = 1
            for size in shape:
                count *= size
            kind = each.type.tensor_type.elem_type
            zeros = onnx.helper.make_tensor(each.name, kind, shape, [0] * count)
            graph.initializer.append(zeros)
            graph.input.remove(each)

    return alter


def external(model: onnx.ModelProto, place: str = "weights.data") -> None:
    tensor = next(each for each in model.graph.initializer if each.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place)


def outside(model: onnx.ModelProto) -> None:
    external(model, "../../../../../../etc/passwd")


def future_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 99


ZIPFORMER: dict[str, tuple[Harm, str]] = {
    "no joiner": (lambda f: network(f, "joiner").unlink(), r"no joiner\*\.onnx beside encoder"),
    "no encoder": (lambda f: network(f, "encoder").unlink(), r"no encoder\*\.onnx beside decoder"),
    "no tokens": (lambda f: (f / "tokens.txt").unlink(), "tokens.txt is missing"),
    "two encoders": (
        lambda f: shutil.copy(network(f, "encoder"), f / "encoder-other.onnx"),
        "2 files may be the encoder",
    ),
    "decoder and joiner swapped": (swap("decoder", "joiner"), "decoder-tiny.onnx has no metadata"),
    "encoder and joiner swapped": (swap("encoder", "joiner"), "model_type '' is not 'zipformer2'"),
    "another vocabulary": (
        tokens(lambda text: text + "x 24\n"),
        "tokens.txt has 25 symbols, joiner-tiny.onnx 24",
    ),
    "numbers left out": (tokens(lambda text: text + "x 30\n"), "numbers are not 0 to 24"),
    "no number": (tokens(lambda text: "a b c\n" + text), "line 1: 'a b c'"),
    "the same number twice": (tokens(lambda text: text + "x 3\n"), "line 25: 'x 3'"),
    "no blank": (tokens(lambda text: text.replace("<blk>", "x")), "has no <blk>"),
    "the blank elsewhere": (
        tokens(lambda text: text.replace("<blk> 0", "<unk> 0").replace("<unk> 23", "<blk> 23")),
        "<blk> is 23; this layout wants it to be 0",
    ),
    "another T": (metadata("encoder", T=77), r"input x has the shape \[N, 45, 80\].*\[N, 77, N\]"),
    "no T": (metadata("encoder", T="GONE"), "encoder-tiny.onnx has no metadata 'T'"),
    "a T of words": (metadata("encoder", T="many"), "metadata T 'many' is no number"),
    "another left context": (
        metadata("encoder", left_context_len="6,5"),
        r"cached_key_1 has the shape \[4, N, 3\].*\[5, N, 3\]",
    ),
    "a list too short": (metadata("encoder", num_heads="2"), "num_heads has 1 numbers"),
    "more layers": (metadata("encoder", num_encoder_layers="1,3"), "no input 'cached_key_3'"),
    "version 1": (metadata("encoder", model_type="zipformer"), "model_type 'zipformer' is not"),
    "features of Whisper": (metadata("encoder", feature="whisper"), "wants features of whisper"),
    "8 kHz": (metadata("encoder", sample_rate=8000), "made for audio at 8000 Hz"),
    "another context": (metadata("decoder", context_size=3), r"input y has the shape \[N, 2\]"),
    "another vocabulary in the decoder": (
        metadata("decoder", vocab_size=25),
        r"output logit has the shape \[N, 24\].*\[N, 25\]",
    ),
    "it does not stream": (
        change("encoder", without_inputs("cached", "embed", "processed")),
        "encoder-tiny.onnx does not stream",
    ),
    "cut off": (
        lambda f: network(f, "encoder").write_bytes(network(f, "encoder").read_bytes()[:-9]),
        "encoder-tiny.onnx cannot be loaded",
    ),
    "another opset": (change("joiner", future_opset), "joiner-tiny.onnx cannot be loaded"),
    "external data gone": (change("encoder", external), "encoder-tiny.onnx cannot be loaded"),
    "external data elsewhere": (change("encoder", outside), "encoder-tiny.onnx cannot be loaded"),
    "a link out": (
        lambda f: (network(f, "decoder").unlink(), (f / "decoder-x.onnx").symlink_to("/etc/hosts")),
        "leads out of its folder",
    ),
    "a model of NeMo's decoder": (
        lambda f: shutil.copy(tiny.nemo(f / "n") / "decoder.onnx", network(f, "decoder")),
        "decoder-tiny.onnx has no metadata 'context_size'",
    ),
}

NEMO: dict[str, tuple[Harm, str]] = {
    "normalised over the recording": (
        metadata("encoder", normalize_type="per_feature"),
        r"normalised over the whole recording \(normalize_type 'per_feature'\)",
    ),
    "another window": (metadata("encoder", window_size=33), r"audio_signal has the shape"),
    "no window": (metadata("encoder", window_size="GONE"), "no metadata 'window_size'"),
    "a shift beyond the window": (metadata("encoder", chunk_shift=26), "does not go with"),
    "another vocabulary": (
        tokens(lambda text: text.replace("<blk> 23", "x 23\n<blk> 24")),
        "tokens.txt has 25 symbols, encoder.onnx 24",
    ),
    "the blank first": (
        tokens(lambda text: text.replace("<blk> 23", "a 23").replace("a 0\n", "<blk> 0\n")),
        "<blk> is 0; this layout wants it last",
    ),
    "another cache": (
        metadata("encoder", cache_last_channel_dim2=7),
        r"cache_last_channel has the shape \[N, 2, 6, 5\].*\[N, 2, 7, 5\]",
    ),
    "other states": (metadata("encoder", pred_hidden=7), r"states.1 has the shape \[1, N, 6\]"),
    "it does not stream": (
        change("encoder", without_inputs("cache")),
        "encoder.onnx does not stream",
    ),
    **{
        f"8 kHz as {key}": (metadata("encoder", **{key: 8000}), "made for audio at 8000 Hz")
        for key in RATES
    },
    "no joiner": (lambda f: network(f, "joiner").unlink(), r"no joiner\*\.onnx beside encoder"),
    "decoder and joiner swapped": (swap("decoder", "joiner"), "decoder.onnx has"),
    "encoder and decoder swapped": (swap("encoder", "decoder"), "encoder.onnx: model_type ''"),
    "another opset": (change("encoder", future_opset), "encoder.onnx cannot be loaded"),
    "external data gone": (change("decoder", external), "decoder.onnx cannot be loaded"),
    "a decoder of icefall's": (
        lambda f: shutil.copy(network(tiny.zipformer(f / "z"), "decoder"), f / "decoder.onnx"),
        "decoder.onnx has 1 inputs and 1 outputs",
    ),
    "int8 beside an encoder in full": (
        lambda f: network(f, "joiner").rename(f / "joiner.int8.onnx"),
        "joiner.int8.onnx is in int8 and encoder.onnx in full precision",
    ),
}

CTC: dict[str, tuple[Harm, str]] = {
    "no network": (lambda f: (f / "model.onnx").unlink(), r"no other \.onnx beside tokens.txt"),
    "another vocabulary": (
        tokens(lambda text: text + "x 24\n"),
        "tokens.txt has 25 symbols, model.onnx 24",
    ),
    "it does not stream": (
        change("model", without_inputs("cached", "embed", "processed")),
        "model.onnx does not stream",
    ),
    "another left context": (
        metadata("model", left_context_len="6,5"),
        r"cached_key_1 has the shape \[4, N, 3\].*\[5, N, 3\]",
    ),
    "8 kHz": (metadata("model", sample_rate=8000), "made for audio at 8000 Hz"),
    "another opset": (change("model", future_opset), "model.onnx cannot be loaded"),
    "external data gone": (change("model", external), "model.onnx cannot be loaded"),
    "two networks": (
        lambda f: shutil.copy(f / "model.onnx", f / "other.onnx"),
        "2 files may be the network",
    ),
}

CASES = [
    *((tiny.zipformer, name, *case) for name, case in ZIPFORMER.items()),
    *((tiny.nemo, name, *case) for name, case in NEMO.items()),
    *((tiny.zipformer_ctc, name, *case) for name, case in CTC.items()),
]


@pytest.mark.parametrize(
    ("make", "harm", "said"),
    [(make, harm, said) for make, _, harm, said in CASES],
    ids=[f"{make.__name__}: {name}" for make, name, _, _ in CASES],
)
def test_it_is_refused(tmp_path: Path, make: Callable[[Path], Path], harm: Harm, said: str) -> None:
    folder = make(tmp_path / "model")
    harm(folder)
    with pytest.raises(InvalidArgument, match=said):
        check(Parameters({"voicepack": "."}), folder)


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_the_layout_of_an_exported_eou_model_is_taken(tmp_path: Path, precision: str) -> None:
    folder = tiny.exported_eou(tmp_path / "parakeet-realtime-eou-120m-v1")
    check(Parameters({"voicepack": ".", "precision": precision}), folder)
    engine = open_engine(folder, precision=precision)
    assert len(engine.model.marks) == 2
    utterance = started(engine)
    done(utterance.accept(chirp(6.0)))
    heard = sure(utterance.finish())
    assert {mark.kind for mark in heard.marks} <= {"end", "backchannel"}
    assert heard.marks
    assert "<" not in heard.text
    engine.close()


def test_an_exported_eou_model_without_its_weights_is_refused(tmp_path: Path) -> None:
    folder = tiny.exported_eou(tmp_path)
    (folder / "encoder.data").unlink()
    with pytest.raises(InvalidArgument, match=r"encoder\.onnx cannot be loaded"):
        check(Parameters({"voicepack": ".", "precision": "fp32"}), folder)


def test_int8_and_full_precision_may_be_mixed(tmp_path: Path) -> None:
    """As released models are: the decoder is there in full precision alone."""
    tiny.zipformer(tmp_path, seed=2, suffix=".int8")
    tiny.zipformer(tmp_path, seed=1)
    (tmp_path / "decoder-tiny.int8.onnx").unlink()
    files = []
    for precision in ("int8", "fp32"):
        engine = open_engine(tmp_path, precision=precision)
        files.append(engine.model.encoder._network.name)  # type: ignore[attr-defined]
        engine.close()
    assert files == ["encoder-tiny.int8.onnx", "encoder-tiny.onnx"]


def test_parts_of_a_released_model_are_mixed(tmp_path: Path) -> None:
    """The encoder in int8 alone, as apps take it: where all parts are there, and where not."""
    tiny.zipformer(tmp_path, suffix=".int8")
    for part in ("decoder", "joiner"):
        small = tmp_path / f"{part}-tiny.int8.onnx"
        small.rename(tmp_path / f"{part}-tiny.onnx")
    for precision in ("int8", "fp32"):
        check(Parameters({"voicepack": ".", "precision": precision}), tmp_path)


@pytest.mark.parametrize("precision", ["int8", "fp32"])
@pytest.mark.parametrize("part", ["decoder", "joiner"])
def test_int8_beside_an_encoder_in_full_is_refused(
    tmp_path: Path, part: str, precision: str
) -> None:
    tiny.zipformer(tmp_path)
    small = tmp_path / f"{part}-tiny.int8.onnx"
    (tmp_path / f"{part}-tiny.onnx").rename(small)
    said = f"{part}-tiny.int8.onnx is in int8 and encoder-tiny.onnx in full precision"
    with pytest.raises(InvalidArgument, match=said):
        check(Parameters({"voicepack": ".", "precision": precision}), tmp_path)


@pytest.mark.parametrize("part", ["decoder", "joiner"])
def test_int8_is_seen_without_its_name(tmp_path: Path, part: str) -> None:
    def quantise(model: onnx.ModelProto) -> None:
        taken = model.graph.output[0].name
        node = onnx.helper.make_node("DynamicQuantizeLinear", [taken], ["q", "s", "z"])
        model.graph.node.append(node)

    tiny.zipformer(tmp_path)
    change(part, quantise)(tmp_path)
    with pytest.raises(InvalidArgument, match=f"{part}-tiny.onnx is in int8 and encoder"):
        check(Parameters({"voicepack": "."}), tmp_path)
    change("encoder", quantise)(tmp_path)
    check(Parameters({"voicepack": "."}), tmp_path)


def test_the_others_are_of_the_precision_of_the_encoder(tmp_path: Path) -> None:
    """Where int8 is wanted and the encoder is there in full precision alone."""
    tiny.zipformer(tmp_path, suffix=".int8")
    tiny.zipformer(tmp_path)
    (tmp_path / "encoder-tiny.int8.onnx").unlink()
    check(Parameters({"voicepack": ".", "precision": "int8"}), tmp_path)


@pytest.mark.parametrize(
    ("make", "state", "axis"),
    [
        (tiny.zipformer, "x", 0),
        (tiny.zipformer, "cached_key_1", 1),
        (tiny.zipformer, "cached_conv2_0", 0),
        (tiny.nemo, "cache_last_time", 0),
        (tiny.nemo, "cache_last_channel_len", 0),
    ],
)
def test_a_state_of_one_person_is_computed_alone(
    tmp_path: Path, make: Callable[[Path], Path], state: str, axis: int
) -> None:
    """Exports differ: the sound may be a batch where a state is not."""

    def fix(model: onnx.ModelProto) -> None:
        found = next(each for each in model.graph.input if each.name == state)
        found.type.tensor_type.shape.dim[axis].dim_value = 1

    folder = make(tmp_path)
    change("encoder", fix)(folder)
    engine = open_engine(folder, parallel=1)
    assert not engine.model.encoder.batches
    utterances = [started(engine) for _ in range(3)]
    for answer in [each.accept(chirp(1.0)) for each in utterances]:
        done(answer)
    assert len({sure(each.finish()).text for each in utterances}) == 1
    engine.close()


def test_dynamic_quantisation_computes_each_alone(tmp_path: Path) -> None:
    def quantise(model: onnx.ModelProto) -> None:
        node = onnx.helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"])
        model.graph.node.append(node)

    engine = open_engine(tiny.zipformer(tmp_path / "plain"))
    assert engine.model.encoder.batches
    engine.close()
    folder = tiny.zipformer(tmp_path / "quantised")
    change("encoder", quantise)(folder)
    engine = open_engine(folder)
    assert not engine.model.encoder.batches
    assert engine.batch_key is None
    engine.close()
