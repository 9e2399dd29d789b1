"""Streaming transducers of the real size with random weights, to measure what they cost.

The operators are those of the released networks: Zipformer 2 with 66 M parameters (icefall's
LibriSpeech recipe, chunks of 320 ms, 128 frames of left context) and FastConformer with 120 M
(NeMo's parakeet_realtime_eou, chunks of 160 ms, 70 frames).

    python -m benchmarks.transducer_graphs zipformer|fastconformer FOLDER

writes a folder that `vdx voices add` takes, in int8: the weights of MatMul, as icefall does it.
"""

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.onnx_graph import INT32, INT64, Graph

OPSET = 17
VOCABULARY, JOINER = 500, 512


class Stack(NamedTuple):
    """Layers of a Zipformer that see the audio at one rate; `rate` divides 50 Hz."""

    layers: int
    dim: int
    wide: int
    heads: int
    kernel: int
    rate: int


STACKS = (
    Stack(2, 192, 512, 4, 31, 1),
    Stack(2, 256, 768, 4, 31, 2),
    Stack(3, 384, 1024, 4, 15, 4),
    Stack(4, 512, 1536, 8, 15, 8),
    Stack(3, 384, 1024, 4, 15, 4),
    Stack(2, 256, 768, 4, 31, 2),
)
QUERY, VALUE, POSITION = 32, 12, 4
LEFT, WINDOW, CHUNK, EMBEDDED = 128, 45, 32, 16

NEMO_BLANK_BIAS = 5.35
LAYERS, DIM, WIDE, HEADS, CACHED, KERNEL = 17, 512, 2048, 8, 70, 9
MELS, NEMO_WINDOW, NEMO_SHIFT, NEMO_FRAMES, HIDDEN, NEMO_VOCABULARY = 128, 25, 16, 2, 640, 1027


class Layers(Graph):
    """What both networks are made of; tensors are [N, frames, size]."""

    def order_states(self, names: Sequence[str]) -> None:
        """Inputs and outputs of states in this order: sherpa-onnx knows them by their places."""
        places = {name: place for place, name in enumerate(names)}
        self._inputs.sort(key=lambda each: places.get(each.name, -1))
        self.pending.sort(key=lambda each: places[each[0].removeprefix("new_")])

    def linear(self, source: str, rows: int, columns: int) -> str:
        weights = self.random(rows, columns, scale=rows**-0.5)
        return self.node("Add", self.node("MatMul", source, weights), self.random(columns))

    def swish(self, source: str) -> str:
        return self.node("Mul", source, self.node("Sigmoid", source))

    def normal(self, source: str, size: int) -> str:
        scale, bias = self.constant([1.0] * size, np.float32), self.constant([0] * size, np.float32)
        return self.node("LayerNormalization", source, scale, bias, axis=-1)

    def feed_forward(self, source: str, size: int, wide: int) -> str:
        opened = self.swish(self.linear(source, size, wide))
        return self.node("Add", source, self.linear(opened, wide, size))

    def shaped(self, source: str, *shape: int) -> str:
        return self.node("Reshape", source, self.constant(list(shape)))

    def swapped(self, source: str, *axes: int) -> str:
        return self.node("Transpose", source, perm=list(axes))

    def after(self, before: str, source: str, axis: int = 1) -> str:
        return self.node("Concat", before, source, axis=axis)

    def heads(self, source: str, frames: int, heads: int, size: int) -> str:
        """[N, heads, frames, size]."""
        return self.swapped(self.shaped(source, -1, frames, heads, size), 0, 2, 1, 3)

    def gated(self, source: str, size: int) -> str:
        """One half lets the other through."""
        left, right = (self.slice(source, at, at + size, 2) for at in (0, size))
        return self.node("Mul", left, self.node("Sigmoid", right))

    def depthwise(self, source: str, size: int, kernel: int, pad: int = 0) -> str:
        weights = self.random(size, 1, kernel, scale=kernel**-0.5)
        return self.node("Conv", source, weights, group=size, pads=[pad, pad])


def zipformer(folder: Path) -> None:
    """Encoder, decoder, joiner and tokens of a Zipformer 2 transducer."""
    graph = Layers(1)
    source = _embedding(graph, graph.input("x", ["N", WINDOW, 80]))
    layer, size = 0, STACKS[0].dim
    for stack in STACKS:
        source = _resized(graph, source, size, stack.dim)
        size = stack.dim
        source, layer = _stack(graph, source, stack, layer)
    heard = graph.input("processed_lens", ["N"], INT64)
    more = graph.node("Add", heard, graph.constant([CHUNK]))
    graph.pending.append(("new_processed_lens", more, ["N"], INT64))
    kinds = ("key", "nonlin_attn", "val1", "val2", "conv1", "conv2")
    states = [f"cached_{kind}_{each}" for each in range(layer) for kind in kinds]
    graph.order_states([*states, "embed_states", "processed_lens"])
    source = _resized(graph, source, size, max(stack.dim for stack in STACKS))
    pairs = graph.shaped(source, -1, EMBEDDED // 2, 2, JOINER)
    halved = graph.node("ReduceMean", pairs, axes=[2], keepdims=0)
    graph.output("encoder_out", graph.linear(halved, JOINER, JOINER), ["N", 8, JOINER])
    columns = list(zip(*STACKS, strict=True))
    graph.save(
        folder / "encoder.onnx",
        {
            "model_type": "zipformer2",
            "T": WINDOW,
            "decode_chunk_len": CHUNK,
            "num_encoder_layers": _listed(columns[0]),
            "encoder_dims": _listed(columns[1]),
            "cnn_module_kernels": _listed(columns[4]),
            "left_context_len": _listed(LEFT // stack.rate for stack in STACKS),
            "query_head_dims": _listed([QUERY] * len(STACKS)),
            "value_head_dims": _listed([VALUE] * len(STACKS)),
            "num_heads": _listed(columns[3]),
        },
        OPSET,
    )
    _stateless(folder)
    _tokens(folder, VOCABULARY, blank_last=False)


def _listed(numbers: "object") -> str:
    return ",".join(str(number) for number in numbers)  # type: ignore[attr-defined]


def _embedding(graph: Layers, audio: str) -> str:
    """[N, 16, 192] of features [N, 45, 80]."""
    image = graph.node("Unsqueeze", audio, graph.constant([1]))
    for channels, more, stride, pads in (
        (1, 8, [1, 1], [0, 1, 0, 1]),
        (8, 32, [2, 2], [0, 0, 0, 0]),
        (32, 128, [1, 2], [0, 0, 0, 0]),
    ):
        weights = graph.random(more, channels, 3, 3, scale=(9 * channels) ** -0.5)
        image = graph.swish(graph.node("Conv", image, weights, strides=stride, pads=pads))
    before = graph.input("embed_states", ["N", 128, 3, 19])
    whole = graph.after(before, image, axis=2)
    graph.pending.append(
        ("new_embed_states", graph.slice(whole, EMBEDDED, EMBEDDED + 3, 2), ["N", 128, 3, 19], 1)
    )
    wide = graph.random(128, 1, 7, 7, scale=1 / 7)
    mixed = graph.node("Conv", whole, wide, group=128, pads=[0, 3, 0, 3])
    for rows, columns in ((128, 384), (384, 128)):
        weights = graph.random(columns, rows, 1, 1, scale=rows**-0.5)
        mixed = graph.swish(graph.node("Conv", mixed, weights))
    flat = graph.shaped(graph.swapped(mixed, 0, 2, 1, 3), -1, EMBEDDED, 128 * 19)
    return graph.normal(graph.linear(flat, 128 * 19, STACKS[0].dim), STACKS[0].dim)


def _resized(graph: Layers, source: str, size: int, wanted: int) -> str:
    """Channels cut off, or zeros added, as between stacks."""
    if wanted <= size:
        return graph.slice(source, 0, wanted, 2)
    pads = graph.constant([0, 0, 0, 0, 0, wanted - size])
    return graph.node("Pad", source, pads)


def _stack(graph: Layers, source: str, stack: Stack, layer: int) -> tuple[str, int]:
    frames = EMBEDDED // stack.rate
    slow = source
    if stack.rate > 1:
        groups = graph.shaped(source, -1, frames, stack.rate, stack.dim)
        slow = graph.node("ReduceMean", groups, axes=[2], keepdims=0)
    for _ in range(stack.layers):
        slow = _zipformer_layer(graph, slow, stack, frames, layer)
        layer += 1
    if stack.rate == 1:
        return slow, layer
    repeated = graph.node("Unsqueeze", slow, graph.constant([2]))
    tiled = graph.node("Tile", repeated, graph.constant([1, 1, stack.rate, 1]))
    return graph.node("Add", source, graph.shaped(tiled, -1, EMBEDDED, stack.dim)), layer


def _remembered(
    graph: Layers, name: str, source: str, left: int, size: int, *, nested: bool = False
) -> str:
    """A state of the last frames before these, [N, left + frames, size]; it is kept too."""
    shape: list[int | str] = [1, "N", left, size] if nested else [left, "N", size]
    before = graph.input(f"cached_{name}", shape)
    first = graph.shaped(before, -1, left, size) if nested else graph.swapped(before, 1, 0, 2)
    whole = graph.after(first, source)
    kept = graph.slice(whole, -left, 1 << 30, 1)
    kept = (
        graph.node("Unsqueeze", kept, graph.constant([0]))
        if nested
        else graph.swapped(kept, 1, 0, 2)
    )
    graph.pending.append((f"new_cached_{name}", kept, shape, 1))
    return whole


def _zipformer_layer(graph: Layers, source: str, stack: Stack, frames: int, layer: int) -> str:
    _, dim, wide, heads, kernel, rate = stack
    left = LEFT // rate
    weights = _attention(graph, source, stack, frames, layer)
    source = graph.feed_forward(source, dim, wide * 3 // 4)
    half = 3 * dim // 4
    three = graph.linear(source, dim, 3 * half)
    gate, middle, out = (graph.slice(three, at * half, (at + 1) * half, 2) for at in range(3))
    middle = graph.node("Mul", middle, graph.node("Tanh", gate))
    whole = _remembered(graph, f"nonlin_attn_{layer}", middle, left, half, nested=True)
    first = graph.shaped(graph.slice(weights, 0, 1, 1), -1, frames, left + frames)
    mixed = graph.node("Mul", graph.node("MatMul", first, whole), out)
    source = graph.node("Add", source, graph.linear(mixed, half, dim))
    for place in (1, 2):
        values = graph.linear(source, dim, heads * VALUE)
        whole = _remembered(graph, f"val{place}_{layer}", values, left, heads * VALUE)
        attended = graph.node("MatMul", weights, graph.heads(whole, left + frames, heads, VALUE))
        flat = graph.shaped(graph.swapped(attended, 0, 2, 1, 3), -1, frames, heads * VALUE)
        source = graph.node("Add", source, graph.linear(flat, heads * VALUE, dim))
        source = _convolution(graph, source, dim, kernel, f"cached_conv{place}_{layer}")
        source = graph.feed_forward(source, dim, wide if place == 1 else wide * 5 // 4)
    return graph.normal(source, dim)


def _attention(graph: Layers, source: str, stack: Stack, frames: int, layer: int) -> str:
    """[N, heads, frames, left + frames]."""
    heads, left = stack.heads, LEFT // stack.rate
    size, whole = heads * QUERY, left + frames
    both = graph.linear(source, stack.dim, 2 * size + heads * POSITION)
    query = graph.heads(graph.slice(both, 0, size, 2), frames, heads, QUERY)
    keys = _remembered(graph, f"key_{layer}", graph.slice(both, size, 2 * size, 2), left, size)
    keys = graph.swapped(graph.shaped(keys, -1, whole, heads, QUERY), 0, 2, 3, 1)
    place = graph.slice(both, 2 * size, 2 * size + heads * POSITION, 2)
    place = graph.heads(place, frames, heads, POSITION)
    places = graph.node("MatMul", place, graph.random(heads, POSITION, whole + frames - 1))
    scores = graph.node("MatMul", query, keys)
    return graph.node(
        "Softmax", graph.node("Add", scores, graph.slice(places, 0, whole, 3)), axis=-1
    )


def _convolution(graph: Layers, source: str, size: int, kernel: int, state: str) -> str:
    """Gated, over the frames before these (a state) and within the chunk."""
    gated = graph.gated(graph.linear(source, size, 2 * size), size)
    across = graph.swapped(gated, 0, 2, 1)
    left = kernel // 2
    before = graph.input(state, ["N", size, left])
    whole = graph.after(before, across, axis=2)
    kept = graph.slice(whole, -left, 1 << 30, 2)
    graph.pending.append((f"new_{state}", kept, ["N", size, left], 1))
    causal = graph.depthwise(whole, size, left + 1)
    mixed = graph.node("Add", causal, graph.depthwise(across, size, kernel, pad=left))
    out = graph.linear(graph.swish(graph.swapped(mixed, 0, 2, 1)), size, size)
    return graph.node("Add", source, out)


def _stateless(folder: Path) -> None:
    decoder = Layers(2)
    y = decoder.input("y", ["N", 2], INT64)
    known = decoder.node("Max", y, decoder.constant(0))
    rows = decoder.node("Gather", decoder.random(VOCABULARY, JOINER), known)
    summed = decoder.node("ReduceSum", rows, decoder.constant([1]), keepdims=0)
    decoder.output("decoder_out", decoder.linear(summed, JOINER, JOINER), ["N", JOINER])
    decoder.save(folder / "decoder.onnx", {"context_size": 2, "vocab_size": VOCABULARY}, OPSET)
    joiner = Layers(3)
    inputs = [joiner.input(f"{name}_out", ["N", JOINER]) for name in ("encoder", "decoder")]
    logits = joiner.linear(joiner.node("Tanh", joiner.node("Add", *inputs)), JOINER, VOCABULARY)
    joiner.output("logit", logits, ["N", VOCABULARY])
    joiner.save(folder / "joiner.onnx", {"joiner_dim": JOINER}, OPSET)


def fastconformer(folder: Path) -> None:
    """Encoder, decoder, joiner and tokens of a cache-aware FastConformer transducer."""
    graph = Layers(4)
    signal = graph.input("audio_signal", ["B", MELS, NEMO_WINDOW])
    length = graph.input("length", ["B"], INT64)
    image = graph.node("Unsqueeze", graph.swapped(signal, 0, 2, 1), graph.constant([1]))
    pads = {"strides": [2, 2], "pads": [1, 1, 1, 1]}
    image = graph.node("Relu", graph.node("Conv", image, graph.random(256, 1, 3, 3), **pads))
    for _ in range(2):
        image = graph.node("Conv", image, graph.random(256, 1, 3, 3), group=256, **pads)
        weights = graph.random(256, 256, 1, 1, scale=1 / 16)
        image = graph.node("Relu", graph.node("Conv", image, weights))
    flat = graph.shaped(graph.swapped(image, 0, 2, 1, 3), -1, 4, 256 * MELS // 8)
    source = graph.slice(graph.linear(flat, 256 * MELS // 8, DIM), 2, 4, 1)
    channels = graph.input("cache_last_channel", ["B", LAYERS, CACHED, DIM])
    times = graph.input("cache_last_time", ["B", LAYERS, DIM, KERNEL - 1])
    known = graph.input("cache_last_channel_len", ["B"], INT64)
    kept: list[tuple[str, str]] = []
    for layer in range(LAYERS):
        parts = [
            graph.node("Squeeze", graph.slice(each, layer, layer + 1, 1), graph.constant([1]))
            for each in (channels, times)
        ]
        source, after = _conformer_layer(graph, source, *parts)
        kept.append(after)
    graph.output("outputs", graph.swapped(source, 0, 2, 1), ["B", DIM, NEMO_FRAMES])
    count = graph.node("Add", graph.node("Mul", length, graph.constant([0])), graph.constant([2]))
    graph.output("encoded_lengths", count, ["B"], INT64)
    for place, name in enumerate(("cache_last_channel_next", "cache_last_time_next")):
        each = [graph.node("Unsqueeze", pair[place], graph.constant([1])) for pair in kept]
        sizes = (CACHED, DIM) if place == 0 else (DIM, KERNEL - 1)
        graph.output(name, graph.node("Concat", *each, axis=1), ["B", LAYERS, *sizes])
    more = graph.node("Add", known, graph.constant([NEMO_FRAMES]))
    graph.output("cache_last_channel_next_len", more, ["B"], INT64)
    graph.save(folder / "encoder.onnx", _nemo_metadata(), OPSET)
    _recurrent(folder)
    _tokens(folder, NEMO_VOCABULARY, blank_last=True)


def _nemo_metadata() -> dict[str, object]:
    sizes = {"cache_last_channel": (LAYERS, CACHED, DIM), "cache_last_time": (LAYERS, DIM, 8)}
    dims = {
        f"{name}_dim{place}": size
        for name, shape in sizes.items()
        for place, size in enumerate(shape, 1)
    }
    return dims | {
        "vocab_size": NEMO_VOCABULARY - 1,
        "window_size": NEMO_WINDOW,
        "chunk_shift": NEMO_SHIFT,
        "subsampling_factor": 8,
        "normalize_type": "NA",
        "pred_rnn_layers": 1,
        "pred_hidden": HIDDEN,
    }


def _conformer_layer(
    graph: Layers, source: str, channel: str, time: str
) -> tuple[str, tuple[str, str]]:
    """The layer's output, and its two caches."""
    source = graph.feed_forward(graph.normal(source, DIM), DIM, WIDE)
    whole = graph.after(channel, graph.normal(source, DIM))
    keys, size = CACHED + NEMO_FRAMES, DIM // HEADS
    query = graph.heads(graph.linear(source, DIM, DIM), NEMO_FRAMES, HEADS, size)
    key = graph.shaped(graph.linear(whole, DIM, DIM), -1, keys, HEADS, size)
    value = graph.heads(graph.linear(whole, DIM, DIM), keys, HEADS, size)
    scores = graph.node("MatMul", query, graph.swapped(key, 0, 2, 3, 1))
    # In a released graph the positions are cut out at run time: nothing can be folded.
    nothing = graph.node("Mul", graph.slice(source, 0, 1, 1), graph.constant(0, np.float32))
    place = graph.node("Add", graph.random(1, 2 * keys - 1, DIM), nothing)
    place = graph.shaped(graph.linear(place, DIM, DIM), -1, 2 * keys - 1, HEADS, size)
    places = graph.node("MatMul", query, graph.swapped(place, 0, 2, 3, 1))
    scores = graph.node("Add", scores, graph.slice(places, 0, keys, 3))
    mixed = graph.node("MatMul", graph.node("Softmax", scores, axis=-1), value)
    flat = graph.shaped(graph.swapped(mixed, 0, 2, 1, 3), -1, NEMO_FRAMES, DIM)
    source = graph.node("Add", source, graph.linear(flat, DIM, DIM))
    gated = graph.gated(graph.linear(graph.normal(source, DIM), DIM, 2 * DIM), DIM)
    past = graph.after(time, graph.swapped(gated, 0, 2, 1), axis=2)
    across = graph.swish(graph.swapped(graph.depthwise(past, DIM, KERNEL), 0, 2, 1))
    source = graph.node("Add", source, graph.linear(across, DIM, DIM))
    source = graph.normal(graph.feed_forward(graph.normal(source, DIM), DIM, WIDE), DIM)
    kept = graph.slice(whole, -CACHED, 1 << 30, 1), graph.slice(past, 1 - KERNEL, 1 << 30, 2)
    return source, kept


def _recurrent(folder: Path) -> None:
    decoder = Layers(5)
    targets = decoder.input("targets", ["B", 1], INT32)
    count = decoder.input("target_length", ["B"], INT32)
    states = [decoder.input(name, [1, "B", HIDDEN]) for name in ("h", "c")]
    row = decoder.node("Gather", decoder.random(NEMO_VOCABULARY, HIDDEN), targets)
    across = decoder.swapped(row, 1, 0, 2)
    gates = [decoder.random(1, 4 * HIDDEN, HIDDEN, scale=HIDDEN**-0.5) for _ in range(2)]
    said, *after = decoder.several(3, "LSTM", across, *gates, "", "", *states, hidden_size=HIDDEN)
    flat = decoder.shaped(said, -1, HIDDEN, 1)
    decoder.output("outputs", flat, ["B", HIDDEN, 1])
    decoder.output("prednet_lengths", count, ["B"], INT32)
    for name, each in zip(("h_next", "c_next"), after, strict=True):
        decoder.output(name, each, [1, "B", HIDDEN])
    decoder.save(folder / "decoder.onnx", None, OPSET)
    joiner = Layers(6)
    parts = [
        joiner.linear(joiner.swapped(joiner.input(name, ["B", size, 1]), 0, 2, 1), size, HIDDEN)
        for name, size in (("encoder_outputs", DIM), ("decoder_outputs", HIDDEN))
    ]
    logits = joiner.linear(joiner.node("Relu", joiner.node("Add", *parts)), HIDDEN, NEMO_VOCABULARY)
    # The blank is likeliest at most frames, as in speech, and a token at some.
    bias = joiner.constant([0.0] * (NEMO_VOCABULARY - 1) + [NEMO_BLANK_BIAS], np.float32)
    logits = joiner.node("Add", logits, bias)
    wide = joiner.node("Unsqueeze", logits, joiner.constant([2]))
    joiner.output("outputs", wide, ["B", 1, 1, NEMO_VOCABULARY])
    joiner.save(folder / "joiner.onnx", None, OPSET)


def _tokens(folder: Path, size: int, *, blank_last: bool) -> None:
    words = [f"▁w{number}" for number in range(size - 1)]
    symbols = [*words, "<blk>"] if blank_last else ["<blk>", *words]
    lines = [f"{symbol} {number}\n" for number, symbol in enumerate(symbols)]
    (folder / "tokens.txt").write_text("".join(lines), encoding="utf-8")


LAYOUTS: dict[str, Callable[[Path], None]] = {
    "zipformer": zipformer,
    "fastconformer": fastconformer,
}


def write(layout: str, folder: Path) -> None:
    """A model of this layout in int8."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        full = Path(made)
        LAYOUTS[layout](full)
        for file in sorted(full.glob("*.onnx")):
            small = folder / f"{file.stem}.int8.onnx"
            quantize_dynamic(
                file, small, op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8
            )
        (folder / "tokens.txt").write_bytes((full / "tokens.txt").read_bytes())


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]))
