"""Writes LoRA adapters of random weights for the tiny CSM, as peft and Unsloth save them."""

import json
from pathlib import Path
from typing import Any

NAMES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""What Unsloth's notebook names; the codec's transformers have some of these too."""


def make_adapter(folder: Path, voice: Path, seed: int, **config: Any) -> Path:
    """Saves an adapter of the voice in `voice` by peft itself; returns the folder."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import CsmForConditionalGeneration

    torch.manual_seed(seed)
    model: Any = CsmForConditionalGeneration.from_pretrained(voice)
    told = {"r": 8, "lora_alpha": 16, "target_modules": list(NAMES)} | config
    tuned = get_peft_model(model, LoraConfig(init_lora_weights=False, **told))
    tuned.save_pretrained(folder)
    return folder


def as_transformers_4(source: Path, target: Path) -> Path:
    """The same adapter under the names that the codec's parts had in transformers 4."""
    from safetensors.torch import load_file, save_file

    target.mkdir()
    tensors = load_file(source / "adapter_model.safetensors")
    renamed = {}
    for key, tensor in tensors.items():
        old = key
        for part in ("encoder", "decoder"):
            old = old.replace(f"codec_model.{part}.{part}_", f"codec_model.{part}_")
        renamed[old] = tensor
    save_file(renamed, target / "adapter_model.safetensors")
    told = json.loads((source / "adapter_config.json").read_text())
    (target / "adapter_config.json").write_text(json.dumps(told))
    return target
