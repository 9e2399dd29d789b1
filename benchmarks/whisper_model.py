"""Write a CTranslate2 Whisper model of a released size with random weights, for benches and tests.

    .venv-triton/bin/python benchmarks/whisper_model.py base /tmp/whisper-base --tokens 15

Its computation is that of the real model, layer by layer; the output is fixed through the decoder's
position embeddings, which are larger than all else: `--tokens` made-up words in any language and
for any audio, then the end of the text. `micro` has the full vocabulary and next to no weights.
Runs in the environment of the models; needs no network and no torch.
"""

import argparse
import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

# Width, layers of encoder and decoder, attention heads (OpenAI's whisper/model.py and checkpoints).
SIZES = {
    "micro": (64, 1, 2),
    "tiny": (384, 4, 6),
    "base": (512, 6, 8),
    "small": (768, 12, 12),
    "medium": (1024, 24, 16),
    "large-v3": (1280, 32, 20),
}
AUDIO_POSITIONS, TEXT_POSITIONS = 1500, 448
SPREAD = 0.02
POSITION_SPREAD = 5.0
CERTAINTY = 25.0  # of the arranged token, in nats over the others

# In the order of whisper/tokenizer.py.
LANGUAGES = tuple(
    """
    en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th
    ur hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr
    pa si km sn yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt
    haw ln ha ba jw su
    """.split()  # noqa: SIM905  (ninety-nine lines otherwise)
)


@dataclass(frozen=True)
class Wanted:
    """What to write."""

    size: str = "base"
    tokens: int = 15
    english_only: bool = False
    quantization: str = "int8"
    language: str = "en"
    mels: int = 80
    loop: bool = False
    seed: int = 0

    @property
    def languages(self) -> tuple[str, ...]:
        return (*LANGUAGES, "yue") if self.mels == 128 else LANGUAGES


def vocabulary(wanted: Wanted) -> tuple[list[str], list[str]]:
    """Ordinary tokens and special ones, in the numbers and the order of OpenAI's vocabularies."""
    ordinary = [_unicode_of(byte) for byte in range(256)]
    syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
    words = ("Ġ" + "".join(parts) for parts in itertools.product(syllables, repeat=3))
    size = 50_256 if wanted.english_only else 50_257
    ordinary += itertools.islice(words, size - len(ordinary))
    if not wanted.english_only:
        ordinary[-1] = ""  # OpenAI's multilingual vocabulary has one, and is known by it
    special = ["<|endoftext|>", "<|startoftranscript|>"]
    special += [f"<|{language}|>" for language in wanted.languages]
    special += ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>"]
    special += ["<|nospeech|>", "<|notimestamps|>"]
    special += [f"<|{number * 0.02:.2f}|>" for number in range(1501)]
    return ordinary, special


def _unicode_of(byte: int) -> str:
    """The printable stand-in of a byte in GPT-2's byte-level vocabularies."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [value for value in range(256) if value not in printable]
    return chr(byte) if byte in printable else chr(256 + others.index(byte))


def script_of(wanted: Wanted, tokens: list[str]) -> list[int]:
    """The token that each position of the decoder leads to."""
    numbers = {token: number for number, token in enumerate(tokens)}
    prompt = [] if wanted.english_only else [f"<|{wanted.language}|>", "<|transcribe|>"]
    said = [numbers[token] for token in [*prompt, "<|notimestamps|>"]]
    step = 0 if wanted.loop else 991
    said += [256 + step * number % 40_000 for number in range(1, wanted.tokens + 1)]
    said += [numbers["<|endoftext|>"]] * TEXT_POSITIONS
    return said[:TEXT_POSITIONS]


def write_model(folder: Path, wanted: Wanted) -> None:
    """Write model.bin, config.json, vocabulary.json, tokenizer.json, preprocessor_config.json."""
    from ctranslate2.specs import WhisperSpec

    width, layers, heads = SIZES[wanted.size]
    ordinary, special = vocabulary(wanted)
    tokens = ordinary + special
    spec = WhisperSpec(layers, heads, layers, heads)
    _fill(spec, Weights(np.random.default_rng(wanted.seed), width), wanted, tokens)
    spec.register_vocabulary(tokens)
    first_language = len(ordinary) + 2
    spec.config.lang_ids = list(range(first_language, first_language + len(wanted.languages)))
    spec.config.alignment_heads = [
        [layer, head] for layer in range(layers // 2, layers) for head in range(heads)
    ]
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], [len(ordinary)]
    spec.validate()
    spec.optimize(quantization=wanted.quantization)
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    _write_tokenizer(folder / "tokenizer.json", ordinary, special)
    features = {"feature_size": wanted.mels, "sampling_rate": 16_000, "hop_length": 160}
    features |= {"chunk_length": 30, "n_fft": 400}
    (folder / "preprocessor_config.json").write_text(json.dumps(features))


class Weights:
    """Random matrices of a transformer of one width."""

    def __init__(self, random: np.random.Generator, width: int) -> None:
        self._random = random
        self.width = width

    def normal(self, *shape: int, spread: float = SPREAD) -> Any:
        return self._random.normal(0.0, spread, shape).astype(np.float32)

    def linear(self, spec: Any, outputs: int, inputs: int) -> None:
        spec.weight, spec.bias = self.normal(outputs, inputs), np.zeros(outputs, np.float32)

    def norm(self, spec: Any) -> None:
        spec.gamma = np.ones(self.width, np.float32)
        spec.beta = np.zeros(self.width, np.float32)

    def block(self, layer: Any) -> None:
        """Self-attention, attention to the audio where there is any, feed-forward."""
        width = self.width
        self.norm(layer.self_attention.layer_norm)
        self.linear(layer.self_attention.linear[0], 3 * width, width)
        self.linear(layer.self_attention.linear[1], width, width)
        if hasattr(layer, "attention"):
            self.norm(layer.attention.layer_norm)
            self.linear(layer.attention.linear[0], width, width)
            self.linear(layer.attention.linear[1], 2 * width, width)
            self.linear(layer.attention.linear[2], width, width)
        self.norm(layer.ffn.layer_norm)
        self.linear(layer.ffn.linear_0, 4 * width, width)
        self.linear(layer.ffn.linear_1, width, 4 * width)


def _fill(spec: Any, weights: Weights, wanted: Wanted, tokens: list[str]) -> None:
    width = weights.width
    for conv, inputs in ((spec.encoder.conv1, wanted.mels), (spec.encoder.conv2, width)):
        conv.weight = weights.normal(width, inputs, 3)
        conv.bias = np.zeros(width, np.float32)
    spec.encoder.position_encodings.encodings = sinusoids(AUDIO_POSITIONS, width)
    for layer in [*spec.encoder.layer, *spec.decoder.layer]:
        weights.block(layer)
    for stack in (spec.encoder, spec.decoder):
        weights.norm(stack.layer_norm)
    embeddings = weights.normal(len(tokens), width, spread=CERTAINTY / width)
    spec.decoder.embeddings.weight = embeddings
    spec.decoder.projection.weight = embeddings
    said = script_of(wanted, tokens)
    spec.decoder.position_encodings.encodings = embeddings[said] * (
        POSITION_SPREAD * width / CERTAINTY
    )


def sinusoids(length: int, channels: int) -> Any:
    """The encoder's fixed positions: openai-whisper, whisper/model.py."""
    step = np.log(10_000) / (channels // 2 - 1)
    angles = np.arange(length)[:, None] * np.exp(-step * np.arange(channels // 2))[None]
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


def _write_tokenizer(file: Path, ordinary: list[str], special: list[str]) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    numbers = {token: number for number, token in enumerate(ordinary)}
    tokenizer = Tokenizer(models.BPE(vocab=numbers, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    texts, times = special[:-1501], special[-1501:]
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in texts])
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in times])
    tokenizer.save(str(file))


def main() -> None:
    """Read the command line and write the model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokens", type=int, default=15, help="words it says, at most 440")
    parser.add_argument("--english-only", action="store_true")
    parser.add_argument("--mels", type=int, default=80, choices=(80, 128), help="large-v3 has 128")
    parser.add_argument("--loop", action="store_true", help="the same word again and again")
    parser.add_argument("--quantization", default="int8", choices=("int8", "float16", "float32"))
    parser.add_argument("--language", default="en", help="the language it detects")
    options = vars(parser.parse_args())
    write_model(options.pop("folder"), Wanted(**options))


if __name__ == "__main__":
    main()
