"""Writes a CSM of random weights in the files that it is published in, for tests.

The architecture is the released one with two narrow layers, and a narrow Mimi that keeps all of the
released strides; half a million parameters, made within seconds.

    .venv-triton/bin/python benchmarks/csm_voice.py FOLDER
"""

import sys
from pathlib import Path
from typing import Any

CODES = 64
"""Values of a code; the last three of the vocabulary are none of audio, as in the released one."""
MARKS = ("<|begin_of_text|>", "<|end_of_text|>", "<|AUDIO|>", "<|audio_eos|>")
TEMPLATE = (
    "{% for m in messages %}{{ bos_token }}[{{ m['role'] }}]{% for c in m['content'] %}"
    "{% if c['type'] == 'text' %}{{ c['text'] }}{{ eos_token }}"
    "{% elif c['type'] == 'audio' %}<|AUDIO|><|audio_eos|>{% endif %}{% endfor %}{% endfor %}"
)


def write_processor(folder: Path) -> Any:
    """A tokenizer of bytes with the released one's marks; returns it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import CsmProcessor, EncodecFeatureExtractor, PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: index for index, letter in enumerate(letters)}
    own: Any = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    own.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    own.decoder = decoders.ByteLevel()
    tokenizer: Any = PreTrainedTokenizerFast(
        tokenizer_object=own,
        bos_token=MARKS[0],
        eos_token=MARKS[1],
        pad_token=MARKS[1],
        additional_special_tokens=list(MARKS[2:]),
        model_input_names=["input_ids", "attention_mask"],
    )
    hears = EncodecFeatureExtractor(feature_size=1, sampling_rate=24_000)
    CsmProcessor(hears, tokenizer, chat_template=TEMPLATE).save_pretrained(folder)
    return tokenizer


def make_config(tokenizer: Any) -> Any:
    """The library's configuration of the tiny model."""
    from transformers import CsmConfig, MimiConfig

    codec = MimiConfig(
        hidden_size=64,
        num_filters=4,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=32,
        intermediate_size=64,
        codebook_size=CODES,
        codebook_dim=16,
        vector_quantization_hidden_dimension=16,
        num_quantizers=32,
        upsample_groups=64,
    )
    audio, end = tokenizer.convert_tokens_to_ids(list(MARKS[2:]))
    depth = {
        "vocab_size": CODES + 3,
        "backbone_hidden_size": 64,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
    }
    return CsmConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        text_vocab_size=len(tokenizer),
        vocab_size=CODES + 3,
        codebook_pad_token_id=CODES + 2,
        audio_token_id=audio,
        audio_eos_token_id=end,
        pad_token_id=audio,
        bos_token_id=tokenizer.bos_token_id,
        depth_decoder_config=depth,
        codec_config=codec.to_dict(),
    )


def make_voice(folder: Path, seed: int = 7) -> Path:
    """Writes the files; returns the folder."""
    import torch
    from transformers import CsmForConditionalGeneration

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    tokenizer = write_processor(folder)
    model: Any = CsmForConditionalGeneration(make_config(tokenizer)).eval()
    with torch.no_grad():
        for name, table in model.codec_model.named_buffers():
            # Random weights have codebooks of nothing, whose audio is constant.
            if name.endswith("embed_sum"):
                table.normal_()
            elif name.endswith("cluster_usage"):
                table.fill_(1.0)
        # Wide enough that codes differ from frame to frame, and about as loud as speech.
        for part in (model.backbone_model, model.depth_decoder, model.embed_text_tokens):
            for weight in part.parameters():
                if weight.dim() > 1:
                    weight.mul_(8)
        # A trained model does not say codes that are none of audio either.
        model.lm_head.weight[CODES:] = 0
        model.depth_decoder.codebooks_head.weight[..., CODES:] = 0
    model.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    make_voice(Path(sys.argv[1]))
