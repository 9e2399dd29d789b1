"""Tiny models with random weights in the layouts of released ones, made with onnx's helpers.

Every state is updated from the audio and added to the output, so that a state that gets lost or
mixed up changes what is recognised.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from benchmarks.onnx_graph import FLOAT, INT32, INT64, Graph

SIZE = 8
"""Of an encoder's output frame."""
VOCABULARY = 24
STACKS = {
    "num_encoder_layers": (1, 2),
    "encoder_dims": (8, 16),
    "cnn_module_kernels": (5, 7),
    "left_context_len": (6, 4),
    "query_head_dims": (2, 3),
    "value_head_dims": (3, 2),
    "num_heads": (2, 1),
}
CHUNK, WINDOW = 32, 45
NEMO_LAYERS, NEMO_LEFT, NEMO_WIDTH, NEMO_CONV = 2, 6, 5, 8
NEMO_MELS, NEMO_WINDOW, NEMO_SHIFT = 128, 25, 16
HIDDEN = 6


class TinyGraph(Graph):
    """With what the layouts share."""

    def frames(self, audio: str, first: int, count: int, mels: int, subsampling: int) -> str:
        """[N, count / subsampling, SIZE] of audio [N, T, mels]."""
        part = self.slice(audio, first, first + count, 1)
        shape = self.constant([0, count // subsampling, subsampling * mels])
        wide = self.node("Reshape", part, shape)
        return self.node("MatMul", wide, self.centred(subsampling * mels, SIZE, 0.12))

    def normalised(self, audio: str) -> str:
        shifted = self.node("Add", audio, self.constant(8.0, np.float32))
        return self.node("Mul", shifted, self.constant(0.3, np.float32))

    def next_state(self, old: str, mean: str) -> str:
        """0.5 old + c mean."""
        half = self.node("Mul", old, self.constant(0.5, np.float32))
        return self.node("Add", half, self.node("Mul", mean, self.random(1, scale=0.5)))

    def felt(self, old: str, axes: Sequence[int], frames: str) -> str:
        """The frames with the mean of a state added, each size of them by another weight."""
        mean = self.node("ReduceMean", old, axes=list(axes), keepdims=0)  # [N]
        shaped = self.node("Reshape", mean, self.constant([-1, 1, 1]))
        return self.node("Add", frames, self.node("Mul", shaped, self.random(1, 1, SIZE)))


def write_tokens(folder: Path, blank_last: bool, marks: Sequence[str] = ()) -> None:
    size = VOCABULARY - len(marks) - 1 - (not blank_last)
    words = [f"{'▁' if place % 2 else ''}{chr(97 + place)}" for place in range(size)]
    symbols = [*words, *marks, "<blk>"] if blank_last else ["<blk>", *words, "<unk>"]
    lines = [f"{symbol} {number}" for number, symbol in enumerate(symbols)]
    (folder / "tokens.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def zipformer(folder: Path, seed: int = 1, suffix: str = "") -> Path:
    """Encoder, decoder, joiner and tokens.txt of a streaming Zipformer 2 transducer."""
    folder.mkdir(parents=True, exist_ok=True)
    graph, frames = _zipformer_encoder(seed)
    graph.output("encoder_out", frames, ["N", CHUNK // 4, SIZE])
    graph.save(folder / f"encoder-tiny{suffix}.onnx", zipformer_metadata())
    _stateless_decoder(seed).save(
        folder / f"decoder-tiny{suffix}.onnx", {"context_size": 2, "vocab_size": VOCABULARY}
    )
    _zipformer_joiner(seed).save(folder / f"joiner-tiny{suffix}.onnx", {"joiner_dim": SIZE})
    write_tokens(folder, blank_last=False)
    return folder


def zipformer_ctc(folder: Path, seed: int = 7) -> Path:
    """One network and tokens.txt of the CTC form."""
    folder.mkdir(parents=True, exist_ok=True)
    graph, frames = _zipformer_encoder(seed)
    logits = graph.node("MatMul", graph.node("Tanh", frames), graph.centred(SIZE, VOCABULARY, 3))
    biased = graph.node("Add", logits, graph.constant([1.0] + [0.0] * (VOCABULARY - 1), np.float32))
    graph.output("log_probs", graph.node("LogSoftmax", biased, axis=2), ["N", 8, VOCABULARY])
    graph.save(folder / "model.onnx", zipformer_metadata())
    write_tokens(folder, blank_last=False)
    return folder


def zipformer_metadata() -> dict[str, Any]:
    lists = {key: ",".join(map(str, numbers)) for key, numbers in STACKS.items()}
    return {
        "model_type": "zipformer2",
        "version": "1",
        "T": WINDOW,
        "decode_chunk_len": CHUNK,
        **lists,
    }


def _zipformer_encoder(seed: int) -> tuple[TinyGraph, str]:
    graph = TinyGraph(seed)
    audio = graph.normalised(graph.input("x", ["N", WINDOW, 80]))
    mean = graph.node("ReduceMean", audio, axes=[1, 2], keepdims=1)  # [N, 1, 1]
    across = graph.node("Transpose", mean, perm=[1, 0, 2])  # [1, N, 1]
    ahead = graph.slice(audio, CHUNK, WINDOW, 1)
    ahead = graph.node("ReduceMean", ahead, axes=[1], keepdims=1)
    frames = graph.frames(audio, 0, CHUNK, 80, 4)
    ahead = graph.node("MatMul", ahead, graph.centred(80, SIZE, 0.1))
    frames = graph.node("Add", frames, ahead)
    layer = 0
    for layers, dim, kernel, left, query, value, heads in zip(*STACKS.values(), strict=True):
        for _ in range(layers):
            shapes: dict[str, list[int | str]] = {
                "key": [left, "N", query * heads],
                "nonlin_attn": [1, "N", left, 3 * dim // 4],
                "val1": [left, "N", value * heads],
                "val2": [left, "N", value * heads],
                "conv1": ["N", dim, kernel // 2],
                "conv2": ["N", dim, kernel // 2],
            }
            for kind, shape in shapes.items():
                name = graph.input(f"cached_{kind}_{layer}", shape)
                axis = shape.index("N")
                new = mean if axis == 0 else across
                if len(shape) == 4:
                    new = graph.node("Unsqueeze", across, graph.constant([3]))
                others = [place for place in range(len(shape)) if place != axis]
                frames = graph.felt(name, others, frames)
                graph_new = graph.next_state(name, new)
                graph.pending.append((f"new_{name}", graph_new, shape, FLOAT))
            layer += 1
    embed = graph.input("embed_states", ["N", 128, 3, 19])
    frames = graph.felt(embed, [1, 2, 3], frames)
    new = graph.next_state(embed, graph.node("Unsqueeze", mean, graph.constant([3])))
    graph.pending.append(("new_embed_states", new, ["N", 128, 3, 19], FLOAT))
    heard = graph.input("processed_lens", ["N"], INT64)
    more = graph.node("Add", heard, graph.constant([CHUNK]))
    graph.pending.append(("new_processed_lens", more, ["N"], INT64))
    return graph, frames


def _stateless_decoder(seed: int) -> TinyGraph:
    graph = TinyGraph(seed + 100)
    y = graph.input("y", ["N", 2], INT64)
    known = graph.node("GreaterOrEqual", y, graph.constant(0))
    mask = graph.node("Unsqueeze", graph.node("Cast", known, to=FLOAT), graph.constant([2]))
    rows = graph.node(
        "Gather", graph.random(VOCABULARY, SIZE), graph.node("Max", y, graph.constant(0))
    )
    context = graph.node("Mul", graph.node("Mul", rows, mask), graph.random(1, 2, SIZE))
    summed = graph.node("ReduceSum", context, graph.constant([1]), keepdims=0)
    graph.output("decoder_out", summed, ["N", SIZE])
    return graph


def _zipformer_joiner(seed: int) -> TinyGraph:
    graph = TinyGraph(seed + 200)
    encoder, decoder = (graph.input(f"{each}_out", ["N", SIZE]) for each in ("encoder", "decoder"))
    both = graph.node("Tanh", graph.node("Add", encoder, decoder))
    logits = graph.node("MatMul", both, graph.centred(SIZE, VOCABULARY, 1.5))
    bias = graph.constant([2.0] + [0.0] * (VOCABULARY - 1), np.float32)
    graph.output("logit", graph.node("Add", logits, bias), ["N", VOCABULARY])
    return graph


def nemo(
    folder: Path,
    seed: int = 1,
    mels: int = NEMO_MELS,
    marks: Sequence[str] = (),
    prompts: Mapping[str, int] | None = None,
) -> Path:
    """Encoder, decoder, joiner and tokens.txt of a cache-aware FastConformer transducer.

    With `prompts` the encoder is told the language by its number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    metadata = nemo_metadata(mels)
    if prompts is not None:
        metadata["prompt_dictionary"] = json.dumps(prompts)
    _nemo_encoder(seed, mels, prompted=prompts is not None).save(folder / "encoder.onnx", metadata)
    _recurrent_decoder(seed).save(folder / "decoder.onnx")
    _nemo_joiner(seed).save(folder / "joiner.onnx")
    write_tokens(folder, blank_last=True, marks=marks)
    return folder


def nemo_metadata(mels: int = NEMO_MELS) -> dict[str, Any]:
    return {
        "vocab_size": VOCABULARY - 1,
        "window_size": NEMO_WINDOW,
        "chunk_shift": NEMO_SHIFT,
        "subsampling_factor": 8,
        "normalize_type": "NA",
        "pred_rnn_layers": 1,
        "pred_hidden": HIDDEN,
        "feat_dim": mels,
        "cache_last_channel_dim1": NEMO_LAYERS,
        "cache_last_channel_dim2": NEMO_LEFT,
        "cache_last_channel_dim3": NEMO_WIDTH,
        "cache_last_time_dim1": NEMO_LAYERS,
        "cache_last_time_dim2": NEMO_WIDTH,
        "cache_last_time_dim3": NEMO_CONV,
    }


def _nemo_encoder(seed: int, mels: int, *, prompted: bool) -> TinyGraph:
    graph = TinyGraph(seed)
    signal = graph.input("audio_signal", ["B", mels, NEMO_WINDOW])
    length = graph.input("length", ["B"], INT64)
    audio = graph.normalised(graph.node("Transpose", signal, perm=[0, 2, 1]))
    mean = graph.node("ReduceMean", audio, axes=[1, 2], keepdims=1)  # [B, 1, 1]
    deep = graph.node("Unsqueeze", mean, graph.constant([3]))
    before = graph.slice(audio, 0, NEMO_WINDOW - NEMO_SHIFT, 1)
    before = graph.node("ReduceMean", before, axes=[1], keepdims=1)
    frames = graph.frames(audio, NEMO_WINDOW - NEMO_SHIFT, NEMO_SHIFT, mels, 8)
    frames = graph.node(
        "Add", frames, graph.node("MatMul", before, graph.centred(mels, SIZE, 0.05))
    )
    shapes: dict[str, list[int | str]] = {
        "cache_last_channel": ["B", NEMO_LAYERS, NEMO_LEFT, NEMO_WIDTH],
        "cache_last_time": ["B", NEMO_LAYERS, NEMO_WIDTH, NEMO_CONV],
    }
    for name, shape in shapes.items():
        frames = graph.felt(graph.input(name, shape), [1, 2, 3], frames)
    if prompted:
        number = graph.node("Cast", graph.input("prompt_index", ["B"], INT64), to=FLOAT)
        told = graph.node("Reshape", number, graph.constant([-1, 1, 1]))
        frames = graph.node("Add", frames, graph.node("Mul", told, graph.random(1, 1, SIZE)))
    outputs = graph.node("Transpose", frames, perm=[0, 2, 1])
    graph.output("outputs", outputs, ["B", SIZE, NEMO_SHIFT // 8])
    lengths = graph.node("Add", graph.node("Mul", length, graph.constant([0])), graph.constant([2]))
    graph.output("encoded_lengths", lengths, ["B"], INT64)
    for name, shape in shapes.items():
        graph.output(f"{name}_next", graph.next_state(name, deep), shape)
    known = graph.input("cache_last_channel_len", ["B"], INT64)
    more = graph.node("Add", known, graph.constant([2]))
    graph.output("cache_last_channel_next_len", more, ["B"], INT64)
    return graph


def _recurrent_decoder(seed: int) -> TinyGraph:
    graph = TinyGraph(seed + 100)
    targets = graph.input("targets", ["B", 1], INT32)
    count = graph.input("target_length", ["B"], INT32)
    states = [graph.input(name, [1, "B", HIDDEN]) for name in ("states.1", "onnx::Slice_3")]
    row = graph.node("Gather", graph.random(VOCABULARY, HIDDEN), targets)  # [B, 1, HIDDEN]
    across = graph.node("Transpose", row, perm=[1, 0, 2])
    hidden = graph.node(
        "Tanh", graph.node("Add", across, graph.node("Mul", states[0], graph.random(1)))
    )
    half = graph.node("Mul", states[1], graph.constant(0.5, np.float32))
    cell = graph.node("Add", half, across)
    said = graph.node("Add", hidden, graph.node("Mul", half, graph.random(1)))
    graph.output("outputs", graph.node("Transpose", said, perm=[1, 2, 0]), ["B", HIDDEN, 1])
    graph.output("prednet_lengths", count, ["B"], INT32)
    graph.output("states", hidden, [1, "B", HIDDEN])
    graph.output("162", cell, [1, "B", HIDDEN])
    return graph


def _nemo_joiner(seed: int) -> TinyGraph:
    graph = TinyGraph(seed + 200)
    encoder = graph.input("encoder_outputs", ["B", SIZE, 1])
    decoder = graph.input("decoder_outputs", ["B", HIDDEN, 1])
    parts = [
        graph.node("MatMul", graph.node("Transpose", each, perm=[0, 2, 1]), weights)
        for each, weights in (
            (encoder, graph.centred(SIZE, VOCABULARY, 1.0)),
            (decoder, graph.centred(HIDDEN, VOCABULARY, 1.5)),
        )
    ]
    bias = graph.constant([0.0] * (VOCABULARY - 1) + [1.8], np.float32)
    bounded = graph.node(
        "Tanh", graph.node("Mul", graph.node("Add", *parts), graph.constant(0.3, np.float32))
    )
    logits = graph.node("Add", graph.node("Mul", bounded, graph.constant(3.0, np.float32)), bias)
    wide = graph.node("Unsqueeze", logits, graph.constant([2]))
    graph.output("outputs", wide, ["B", 1, 1, VOCABULARY])
    return graph


def eou(folder: Path) -> Path:
    """As NeMo's models that tell when the person is done."""
    return nemo(folder, seed=3, marks=("<EOU>", "<EOB>"))


def exported_eou(folder: Path) -> Path:
    """The layout of parakeet_realtime_eou_120m exported for sherpa-onnx, with tiny random weights.

    Names of files, metadata and the order of the tokens are those that the script in sherpa-onnx's
    issue 2805 writes: each network in full and in int8, the encoder's weights in a file beside it,
    `<EOU>` and `<EOB>` before the blank, an empty `normalize_type` for NeMo's NA. The files that
    are called int8 here are copies of the full ones.
    """
    nemo(folder, seed=3, marks=("<EOU>", "<EOB>"))
    told = {
        "normalize_type": "",
        "model_type": "EncDecHybridRNNTCTCBPEModel",
        "version": "1",
        "model_author": "NeMo",
        "url": "https://huggingface.co/nvidia/parakeet_realtime_eou_120m-v1",
        "comment": "Streaming EOU model, transducer branch",
    }
    for part in ("encoder", "decoder", "joiner"):
        model = onnx.load(str(folder / f"{part}.onnx"))
        if part == "encoder":
            values = {each.key: each.value for each in model.metadata_props} | told
            del model.metadata_props[:]
            onnx.helper.set_model_props(model, values)
        onnx.save(model, str(folder / f"{part}.int8.onnx"))
        if part == "encoder":
            onnx.save(
                model,
                str(folder / "encoder.onnx"),
                save_as_external_data=True,
                location="encoder.data",
            )
    return folder


LAYOUTS = {
    "exported-eou": exported_eou,
    "eou": eou,
    "zipformer": zipformer,
    "ctc": zipformer_ctc,
    "nemo": nemo,
}

if __name__ == "__main__":
    # LAYOUT FOLDER LAYOUT FOLDER ..., for tests that run where there is no onnx.
    for layout, folder in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        LAYOUTS[layout](Path(folder))
