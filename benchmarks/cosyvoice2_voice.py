"""Writes a CosyVoice 2 of random weights in the files that it is published in, for tests.

The architecture is that of the checkout that COSYVOICE_HOME names, narrowed; its encoder has the
width that the code fixes. Speech tokenizer and speaker network are graphs of a few nodes with the
same inputs and outputs. It never stops by itself.

    COSYVOICE_HOME=CHECKOUT .venv-triton/bin/python -m benchmarks.cosyvoice2_voice FOLDER
"""

import json
import sys
from pathlib import Path
from typing import Any

CONFIG = "examples/libritts/cosyvoice2/conf/cosyvoice2.yaml"
TOKENS = 6561
NARROW = {
    "llm_input_size: 896": "llm_input_size: 64",
    "llm_output_size: 896": "llm_output_size: 64",
    "linear_units: 2048": "linear_units: 64",
    "num_blocks: 6": "num_blocks: 1",
    "channels: [256]": "channels: [64]",
    "attention_head_dim: 64": "attention_head_dim: 16",
    "n_blocks: 4": "n_blocks: 1",
    "num_mid_blocks: 12": "num_mid_blocks: 1",
    "num_heads: 8": "num_heads: 2",
    "base_channels: 512": "base_channels: 64",
    "cond_channels: 512": "cond_channels: 64",
}


def make_voice(folder: Path) -> Path:
    """Writes the files; returns the folder."""
    import torch

    from triton_backends.cosyvoice2.checkout import use_checkout
    from triton_backends.cosyvoice2.loading import CONFIG as OWN
    from triton_backends.cosyvoice2.loading import needed

    home = use_checkout()
    inner = folder / "CosyVoice-BlankEN"
    inner.mkdir(parents=True)
    torch.manual_seed(7)
    write_language_model(inner)
    text = (home / CONFIG).read_text(encoding="utf-8").partition("# train conf")[0]
    for released, narrow in NARROW.items():
        text = text.replace(released, narrow)
    (folder / OWN).write_text(text, encoding="utf-8")
    from hyperpyyaml import load_hyperpyyaml

    built = load_hyperpyyaml(needed(text), overrides={"qwen_pretrain_path": str(inner)})
    with torch.no_grad():
        built["llm"].llm_decoder.bias[TOKENS:] = -20.0
    for name in ("llm", "flow", "hift"):
        state = built[name].state_dict()
        if name == "hift":  # as published
            state = {f"generator.{key}": value for key, value in state.items()}
        torch.save(state, folder / f"{name}.pt")
    write_networks(folder)
    write_voice(folder / "spk2info.pt")
    return folder


def write_language_model(folder: Path) -> None:
    """A narrow Qwen2 with a tokenizer of single bytes."""
    from tokenizers import pre_tokenizers
    from transformers import Qwen2Config, Qwen2ForCausalLM

    config = Qwen2Config(
        vocab_size=1000,
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        tie_word_embeddings=True,
    )
    model: Any = Qwen2ForCausalLM(config)
    model.save_pretrained(folder)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: index for index, letter in enumerate(alphabet)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    end = "<|endoftext|>"
    told = {"tokenizer_class": "Qwen2Tokenizer"} | dict.fromkeys(
        ("eos_token", "pad_token", "unk_token"), end
    )
    (folder / "tokenizer_config.json").write_text(json.dumps(told), encoding="utf-8")


def write_networks(folder: Path) -> None:
    """The speaker network and the speech tokenizer: 25 tokens for a second of mel frames."""
    import numpy as np
    import onnx
    from onnx import TensorProto as Kind
    from onnx import helper

    value = helper.make_tensor_value_info
    node = helper.make_node
    weights = np.random.default_rng(7).standard_normal(80 * 192).astype(np.float32).tolist()
    speaker = helper.make_graph(
        [
            node("ReduceMean", ["x"], ["mean"], axes=[1], keepdims=0),
            node("MatMul", ["mean", "w"], ["y"]),
        ],
        "speaker",
        [value("x", Kind.FLOAT, [1, "t", 80])],
        [value("y", Kind.FLOAT, [1, 192])],
        [helper.make_tensor("w", Kind.FLOAT, [80, 192], weights)],
    )
    whole = {"start": 0, "end": 2**31, "axis": 1, "step": 4}
    numbers = [helper.make_tensor(name, Kind.INT64, [1], [n]) for name, n in whole.items()]
    numbers.append(helper.make_tensor("large", Kind.FLOAT, [1], [99_999.0]))
    numbers.append(helper.make_tensor("tokens", Kind.INT32, [1], [TOKENS]))
    tokenizer = helper.make_graph(
        [
            node("ReduceMean", ["x"], ["mean"], axes=[1], keepdims=0),
            node("Slice", ["mean", *whole], ["each"]),
            node("Mul", ["each", "large"], ["far"]),
            node("Abs", ["far"], ["positive"]),
            node("Cast", ["positive"], ["number"], to=Kind.INT32),
            node("Mod", ["number", "tokens"], ["y"]),
            node("Identity", ["n"], ["n2"]),
        ],
        "tokenizer",
        [value("x", Kind.FLOAT, [1, 128, "t"]), value("n", Kind.INT32, [1])],
        [value("y", Kind.INT32, [1, "u"]), value("n2", Kind.INT32, [1])],
        numbers,
    )
    versions = {"opset_imports": [helper.make_opsetid("", 13)], "ir_version": 8}
    for name, graph in {"campplus": speaker, "speech_tokenizer_v2": tokenizer}.items():
        onnx.save(helper.make_model(graph, **versions), folder / f"{name}.onnx")


def write_voice(file: Path) -> None:
    """A voice as `save_spkinfo` writes it, and one that is an embedding alone."""
    import torch

    tokens = torch.randint(0, TOKENS, (1, 50), dtype=torch.int32)
    whole = {
        "prompt_text": torch.randint(0, 200, (1, 12), dtype=torch.int32),
        "llm_prompt_speech_token": tokens,
        "flow_prompt_speech_token": tokens,
        "prompt_speech_feat": torch.randn(1, 100, 80),
        "llm_embedding": torch.randn(1, 192),
        "flow_embedding": torch.randn(1, 192),
    }
    torch.save({"Ana": whole, "Bo": {"embedding": torch.randn(1, 192)}}, file)


if __name__ == "__main__":
    make_voice(Path(sys.argv[1]))
