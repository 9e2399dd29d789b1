"""Makes tests/data/moonshine: tiny Moonshine models of both generations, and what they recognise.

The networks have random weights of the classes of `transformers`, in the layouts of released
models; `expected.json` has what `generate` of these classes gives for the sound of
tests/unit/backends/moonshine/sound.py. Needs torch, transformers and onnx, which no test does:

    python3 -m venv /tmp/fixtures && /tmp/fixtures/bin/pip install torch transformers onnx numpy
    /tmp/fixtures/bin/python scripts/make_moonshine_fixtures.py

    /tmp/fixtures/bin/python scripts/make_moonshine_fixtures.py FOLDER    # real size, to time

Made with torch 2.11.0, transformers 5.24.0 and onnx 1.23.2.
"""
# mypy: ignore-errors
# The libraries are not in the environment that is checked.

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn.functional import silu
from transformers import (
    MoonshineConfig,
    MoonshineForConditionalGeneration,
    MoonshineStreamingConfig,
    MoonshineStreamingForConditionalGeneration,
)

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.unit.backends.moonshine.sound import chirp  # noqa: E402

OUT = ROOT / "tests" / "data" / "moonshine"
VOCABULARY, SIZE, HEADS, LAYERS, INNER, WIDER = 48, 16, 2, 2, 32, 4
"""`INNER`: of the layers' networks; the encoder is `WIDER` than the decoder."""
SECONDS = (0.7, 2.03, 4.0)
"""Lengths of the sound; the second is no whole number of frames."""
TOKENS_A_SECOND = 6.5
STEP = 1280
"""Samples that the streaming front end is given at once."""


def main() -> None:
    """Without an argument the fixtures; with a folder a streaming model of the tiny one's size."""
    if len(sys.argv) > 1:
        make_real(Path(sys.argv[1]))
        return
    expected = {"whole": make_whole(OUT / "whole"), "streaming": make_streaming(OUT / "streaming")}
    (OUT / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")


def make_real(folder: Path) -> None:
    """Moonshine's tiny streaming model: 34 M parameters."""
    global VOCABULARY, SIZE, HEADS, LAYERS, INNER, WIDER
    VOCABULARY, SIZE, HEADS, LAYERS, INNER, WIDER = 32768, 320, 8, 6, 1280, 0
    make_streaming(folder)


def made(kind, config, seed):
    """A model whose random weights are large enough that its choices differ."""
    torch.manual_seed(seed)
    model = kind(config).eval()
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if weights.dim() > 1:
                weights.normal_(0, 1.6 / weights[0].numel() ** 0.5)
            elif "bias" in name:
                weights.normal_(0, 0.3)
        # The head is apart from the embedding, and the end of a text is rare.
        head = torch.randn_like(model.proj_out.weight) * 0.8
        model.proj_out.weight = nn.Parameter(head - head.mean(dim=0))
    return model


def heard(model, sound, step=1):
    """Tokens of `generate` and the logarithm of each one's probability.

    The sound is padded with silence to a whole number of steps; its end is not dropped.
    """
    samples = sound.size
    sound = np.pad(sound, (0, -samples % step))
    sound = torch.tensor(sound[None].astype(np.float32) / 32768)
    most = int(np.ceil(samples / 16000 * TOKENS_A_SECOND))
    with torch.no_grad():
        found = model.generate(
            sound,
            attention_mask=torch.ones(sound.shape, dtype=torch.long),
            max_new_tokens=most,
            do_sample=False,
            num_beams=1,
            return_dict_in_generate=True,
            output_logits=True,
        )
    tokens = found.sequences[0].tolist()[1:]
    rows = [torch.log_softmax(row[0].float(), dim=-1) for row in found.logits]
    sure = [round(float(row[token]), 5) for row, token in zip(rows, tokens, strict=True)]
    if tokens[-1:] == [2]:
        tokens, sure = tokens[:-1], sure[:-1]
    return {"samples": samples, "tokens": tokens, "log_probabilities": sure}


def write_tokenizer(folder: Path, *, binary: bool) -> None:
    """Of single letters, some at the beginning of a word, and bytes of one that needs three."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = [b"<unk>", b"<s>", b"</s>", b".", *(bytes([each]) for each in "é你".encode())]
    letters = [chr(97 + place % 26) for place in range(VOCABULARY - len(texts))]
    texts += [
        ("▁" if place % 3 == 0 else "").encode() + letter.encode()
        for place, letter in enumerate(letters)
    ]
    if binary:
        raw = b"".join(bytes([len(text)]) + text for text in texts)
        (folder / "tokenizer.bin").write_bytes(raw)
        return
    vocabulary = {}
    for number, text in enumerate(texts):
        name = text.decode("utf-8", "ignore") if number < 4 or number > 8 else f"<0x{text[0]:02X}>"
        while name in vocabulary:
            name += "'"
        vocabulary[name] = number
    tree = {"model": {"type": "BPE", "vocab": vocabulary}, "added_tokens": []}
    (folder / "tokenizer.json").write_text(json.dumps(tree) + "\n", encoding="utf-8")


def export(module, inputs, file, names, outputs, dynamic):
    """`dynamic`: input or output -> axes that each run may choose."""
    axes = {name: {axis: f"{name}_{axis}" for axis in found} for name, found in dynamic.items()}
    torch.onnx.export(
        module,
        inputs,
        str(file),
        input_names=names,
        output_names=outputs,
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )


# --- what both decoders share --------------------------------------------------------------------


def rotated(x, begin, rotary):
    """Rotary positions from `begin` on, interleaved, of the first part of each head."""
    at = torch.arange(x.shape[2]) + begin
    size = 2 * rotary.inv_freq.numel()
    angle = at[:, None].float() * rotary.inv_freq[None]
    angle = torch.stack((angle, angle), dim=-1).reshape(-1, size)
    turned, rest = x[..., :size], x[..., size:]
    half = torch.stack((-turned[..., 1::2], turned[..., 0::2]), dim=-1)
    half = half.reshape(1, HEADS, -1, size)
    return torch.cat([turned * angle.cos() + half * angle.sin(), rest], dim=-1)


def heads(x, projection, size):
    return projection(x).view(1, -1, HEADS, size).transpose(1, 2)


def attended(layer, query, keys, values, mask=None):
    scores = query @ keys.transpose(2, 3) * layer.scaling
    weights = torch.softmax(scores if mask is None else scores + mask, dim=-1)
    mixed = (weights @ values).transpose(1, 2).reshape(1, -1, HEADS * layer.head_dim)
    return layer.o_proj(mixed), weights


def decoded(decoder, head, tokens, own, memory):
    """Logits, new keys and values, attention.

    `own` and `memory` are the keys and values of each layer; no `own` before any token.
    """
    x, after, told = decoder.embed_tokens(tokens), [], []
    begin = own[0][0].shape[2] if own else 0
    count = tokens.shape[1]
    ahead = torch.arange(begin + count)[None] > (torch.arange(count) + begin)[:, None]
    mask = ahead.float() * -1e9
    for number, (layer, (k, v)) in enumerate(zip(decoder.layers, memory, strict=True)):
        attention, y = layer.self_attn, layer.input_layernorm(x)
        size = attention.head_dim
        query = rotated(heads(y, attention.q_proj, size), begin, decoder.rotary_emb)
        keys = rotated(heads(y, attention.k_proj, size), begin, decoder.rotary_emb)
        values = heads(y, attention.v_proj, size)
        if own:
            keys = torch.cat([own[number][0], keys], dim=2)
            values = torch.cat([own[number][1], values], dim=2)
        after.append((keys, values))
        x = x + attended(attention, query, keys, values, mask)[0]
        attention, y = layer.encoder_attn, layer.post_attention_layernorm(x)
        mixed, weights = attended(attention, heads(y, attention.q_proj, size), k, v)
        told.append(weights)
        x = x + mixed
        x = x + layer.mlp(layer.final_layernorm(x))
    return head(decoder.norm(x)), after, told


def memory_keys(decoder, memory):
    for layer in decoder.layers:
        attention = layer.encoder_attn
        yield tuple(
            heads(memory, each, attention.head_dim) for each in (attention.k_proj, attention.v_proj)
        )


# --- the streaming generation --------------------------------------------------------------------


class FrontEnd(nn.Module):
    """The embedder with what it must keep between two calls."""

    def __init__(self, embedder):
        super().__init__()
        self.embedder = embedder

    def forward(self, audio_chunk, sample_buffer, sample_len, conv1, conv2, frame_count):
        frames = audio_chunk.view(1, -1, self.embedder.frame_len)
        x = self.embedder.cmvn(frames) * self.embedder.comp.log_k.exp()
        x = torch.log(x.abs() + (x * x + 1).sqrt()) * x.sign()  # asinh, which opset 17 lacks
        x = silu(self.embedder.linear(x)).transpose(1, 2)
        wide = torch.cat([conv1, x], dim=2)
        x = silu(nn.Conv1d.forward(self.embedder.conv1, wide))
        deep = torch.cat([conv2, x], dim=2)
        x = nn.Conv1d.forward(self.embedder.conv2, deep).transpose(1, 2)
        return (
            x,
            sample_buffer + 0.0,
            sample_len + 0,
            wide[:, :, -4:],
            deep[:, :, -4:],
            frame_count + frames.shape[1],
        )


class WindowEncoder(nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, features):
        x = features
        at = torch.arange(x.shape[1])
        distance = at[:, None] - at[None]
        for layer, window in zip(
            self.encoder.layers, self.encoder.config.sliding_windows, strict=True
        ):
            left, right = window
            near = ((distance >= 0) & (distance < left)) | ((distance < 0) & (-distance < right))
            attention, y = layer.self_attn, layer.input_layernorm(x)
            parts = [
                heads(y, each, attention.head_dim)
                for each in (attention.q_proj, attention.k_proj, attention.v_proj)
            ]
            x = x + attended(attention, *parts, (~near).float() * -1e9)[0]
            x = x + layer.mlp(layer.post_attention_layernorm(x))
        return self.encoder.final_norm(x)


class Adapter(nn.Module):
    def __init__(self, decoder):
        super().__init__()
        self.decoder = decoder

    def forward(self, encoded, pos_offset):
        at = torch.arange(encoded.shape[1]) + pos_offset
        return self.decoder.proj(encoded + self.decoder.pos_emb(at)[None])


class CrossKeys(nn.Module):
    def __init__(self, decoder):
        super().__init__()
        self.decoder = decoder

    def forward(self, memory):
        keys, values = zip(*memory_keys(self.decoder, memory), strict=True)
        return torch.stack(keys), torch.stack(values)


class StreamingDecoder(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, token, k_self, v_self, k_cross, v_cross):
        own = list(zip(k_self.unbind(0), v_self.unbind(0), strict=True))
        memory = list(zip(k_cross.unbind(0), v_cross.unbind(0), strict=True))
        logits, after, told = decoded(
            self.model.model.decoder, self.model.proj_out, token, own, memory
        )
        keys, values = zip(*after, strict=True)
        return logits, torch.stack(keys), torch.stack(values), *told


def make_streaming(folder: Path):
    config = MoonshineStreamingConfig(
        vocab_size=VOCABULARY,
        hidden_size=SIZE,
        intermediate_size=INNER,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        decoder_start_token_id=1,
        max_position_embeddings=1536 if VOCABULARY < 100 else 4096,
        encoder_config={
            "hidden_size": SIZE + WIDER,
            "intermediate_size": INNER,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS,
            "num_key_value_heads": HEADS,
            "sliding_windows": [[16, 4]] * LAYERS,
        },
    )
    write_tokenizer(folder, binary=True)
    model = made(MoonshineStreamingForConditionalGeneration, config, seed=5)
    wide = SIZE + WIDER
    settings = {
        "encoder_dim": wide,
        "decoder_dim": SIZE,
        "depth": LAYERS,
        "nheads": HEADS,
        "head_dim": SIZE // HEADS,
        "vocab_size": VOCABULARY,
        "bos_id": 1,
        "eos_id": 2,
        "frame_len": 80,
        "total_lookahead": 16,
        "d_model_frontend": wide,
        "c1": wide * 2,
        "c2": wide,
        "max_seq_len": 448,
    }
    (folder / "streaming_config.json").write_text(json.dumps(settings) + "\n", encoding="utf-8")
    export_streaming(model, folder, wide)
    if folder.parent != OUT:
        return []
    return [heard(model, chirp(seconds), STEP) for seconds in SECONDS]


def export_streaming(model, folder, wide):
    encoder, decoder = model.model.encoder, model.model.decoder
    buffers = ["sample_buffer", "sample_len", "conv1_buffer", "conv2_buffer", "frame_count"]
    one = torch.zeros(1, dtype=torch.long)
    export(
        FrontEnd(encoder.embedder),
        (
            torch.zeros(1, 1280),
            torch.zeros(1, 79),
            one,
            torch.zeros(1, wide, 4),
            torch.zeros(1, 2 * wide, 4),
            one,
        ),
        folder / "frontend.onnx",
        ["audio_chunk", *buffers],
        ["features", *(f"{name}_out" for name in buffers)],
        {"audio_chunk": [1], "features": [1]},
    )
    features = torch.randn(1, 40, wide)
    export(
        WindowEncoder(encoder),
        (features,),
        folder / "encoder.onnx",
        ["features"],
        ["encoded"],
        {"features": [1], "encoded": [1]},
    )
    export(
        Adapter(decoder),
        (features, one),
        folder / "adapter.onnx",
        ["encoded", "pos_offset"],
        ["memory"],
        {"encoded": [1], "memory": [1]},
    )
    memory = torch.randn(1, 30, SIZE)
    export(
        CrossKeys(decoder),
        (memory,),
        folder / "cross_kv.onnx",
        ["memory"],
        ["k_cross", "v_cross"],
        {"memory": [1], "k_cross": [3], "v_cross": [3]},
    )
    export_streaming_decoder(model, folder / "decoder_kv_with_attention.onnx")


def export_streaming_decoder(model, file):
    size = SIZE // HEADS
    own, cross = torch.zeros(LAYERS, 1, HEADS, 3, size), torch.zeros(LAYERS, 1, HEADS, 30, size)
    names = ["token", "k_self", "v_self", "out_k_cross", "out_v_cross"]
    attentions = [f"cross_attentions.{layer}" for layer in range(LAYERS)]
    found = ["logits", "out_k_self", "out_v_self", *attentions]
    dynamic = {name: [3] for name in [*names[1:], "out_k_self", "out_v_self"]}
    dynamic |= {"token": [1], "logits": [1]} | {name: [2, 3] for name in attentions}
    export(
        StreamingDecoder(model),
        (torch.ones(1, 2, dtype=torch.long), own, own, cross, cross),
        file,
        names,
        found,
        dynamic,
    )


# --- the first generation ------------------------------------------------------------------------


class WholeEncoder(nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, input_values):
        encoder = self.encoder
        x = encoder.groupnorm(torch.tanh(encoder.conv1(input_values.unsqueeze(1))))
        x = nn.functional.gelu(encoder.conv2(x))
        x = nn.functional.gelu(encoder.conv3(x)).permute(0, 2, 1)
        for layer in encoder.layers:
            attention, y = layer.self_attn, layer.input_layernorm(x)
            size = attention.head_dim
            query = rotated(heads(y, attention.q_proj, size), 0, encoder.rotary_emb)
            key = rotated(heads(y, attention.k_proj, size), 0, encoder.rotary_emb)
            x = x + attended(attention, query, key, heads(y, attention.v_proj, size))[0]
            x = x + layer.mlp(layer.post_attention_layernorm(x))
        return encoder.layer_norm(x)


class FirstRun(nn.Module):
    """Without earlier tokens: the keys of the memory are computed."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, encoder_hidden_states):
        decoder = self.model.model.decoder
        memory = list(memory_keys(decoder, encoder_hidden_states))
        logits, after, _ = decoded(decoder, self.model.proj_out, input_ids, [], memory)
        return (
            logits,
            *(each for pair in after for each in pair),
            *(each for pair in memory for each in pair),
        )


class LaterRun(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, *past):
        pairs = list(zip(past[::2], past[1::2], strict=True))
        logits, after, _ = decoded(
            self.model.model.decoder, self.model.proj_out, input_ids, pairs[:LAYERS], pairs[LAYERS:]
        )
        return logits, *(each for pair in after for each in pair)


def make_whole(folder: Path):
    config = MoonshineConfig(
        vocab_size=VOCABULARY,
        hidden_size=SIZE,
        intermediate_size=INNER,
        encoder_num_hidden_layers=LAYERS,
        decoder_num_hidden_layers=LAYERS,
        encoder_num_attention_heads=HEADS,
        decoder_num_attention_heads=HEADS,
        encoder_num_key_value_heads=HEADS,
        decoder_num_key_value_heads=HEADS,
        decoder_start_token_id=1,
    )
    write_tokenizer(folder, binary=False)
    model = made(MoonshineForConditionalGeneration, config, seed=3)
    sound = torch.randn(1, 16000)
    export(
        WholeEncoder(model.model.encoder),
        (sound,),
        folder / "encoder_model.onnx",
        ["input_values"],
        ["last_hidden_state"],
        {"input_values": [1], "last_hidden_state": [1]},
    )
    merge(model, folder / "decoder_model_merged.onnx")
    return [heard(model, chirp(seconds)) for seconds in SECONDS]


def cache_names(whose):
    """What the layers keep of the words so far (`decoder`) or of the memory (`encoder`)."""
    return [f"{layer}.{whose}.{what}" for layer in range(LAYERS) for what in ("key", "value")]


def merge(model, file):
    """One graph of both runs, as Optimum's `merge_decoders` gives it: an If over two graphs."""
    first, later = export_runs(model, file.with_name("part.onnx"))
    parts = cache_names("decoder") + cache_names("encoder")
    names = ["logits", *(f"present.{each}" for each in parts)]
    branches = {"then_branch": branch(later, "then_"), "else_branch": branch(first, "else_")}
    order = {each.name.removeprefix("then_"): each for each in branches["then_branch"].output}
    del branches["then_branch"].output[:]
    branches["then_branch"].output.extend(order[each] for each in names)
    h = onnx.helper
    value, size, float_ = h.make_tensor_value_info, SIZE // HEADS, onnx.TensorProto.FLOAT
    graph = h.make_graph(
        [h.make_node("If", ["use_cache_branch"], names, **branches)],
        "merged",
        [
            value("input_ids", onnx.TensorProto.INT64, [1, "tokens"]),
            value("encoder_hidden_states", float_, [1, "frames", SIZE]),
            *(
                value(f"past_key_values.{each}", float_, [1, HEADS, f"past_{each}", size])
                for each in parts
            ),
            value("use_cache_branch", onnx.TensorProto.BOOL, [1]),
        ],
        [
            value("logits", float_, [1, "tokens", VOCABULARY]),
            *(
                value(f"present.{each}", float_, [1, HEADS, f"there_{each}", size])
                for each in parts
            ),
        ],
    )
    model = h.make_model(graph, opset_imports=first.opset_import, ir_version=first.ir_version)
    onnx.checker.check_model(model)
    file.write_bytes(model.SerializeToString())


def export_runs(model, place):
    """The graphs of the first and of a later run, written to `place` in between.

    What a later run has for the keys of the memory is empty, as Optimum has it.
    """
    own, memory_parts = cache_names("decoder"), cache_names("encoder")
    parts = own + memory_parts
    tokens, memory = torch.ones(1, 2, dtype=torch.long), torch.randn(1, 30, SIZE)
    past = [torch.zeros(1, HEADS, 3, SIZE // HEADS)] * len(parts)
    export(
        FirstRun(model),
        (tokens, memory),
        place,
        ["input_ids", "encoder_hidden_states"],
        ["logits", *(f"present.{each}" for each in parts)],
        {"input_ids": [1], "encoder_hidden_states": [1]},
    )
    first = onnx.load(str(place))
    export(
        LaterRun(model),
        (tokens, *past),
        place,
        ["input_ids", *(f"past_key_values.{each}" for each in parts)],
        ["logits", *(f"present.{each}" for each in own)],
        {"input_ids": [1]} | {f"past_key_values.{each}": [2] for each in parts},
    )
    later = onnx.load(str(place))
    place.unlink()
    h, float_ = onnx.helper, onnx.TensorProto.FLOAT
    for each in memory_parts:
        empty = h.make_tensor("", float_, [1, HEADS, 0, SIZE // HEADS], [])
        later.graph.node.append(h.make_node("Constant", [], [f"present.{each}"], value=empty))
        later.graph.output.append(h.make_tensor_value_info(f"present.{each}", float_, None))
    return first, later


def branch(part, prefix):
    """A graph as a branch of an If: without inputs, for those are of the graph around it."""
    inputs = {each.name for each in part.graph.input}
    kept = onnx.compose.add_prefix_graph(part.graph, prefix)
    for node in kept.node:
        node.input[:] = [
            name.removeprefix(prefix) if name.removeprefix(prefix) in inputs else name
            for name in node.input
        ]
    del kept.input[:]
    return kept


if __name__ == "__main__":
    main()
