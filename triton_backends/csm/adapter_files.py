"""LoRA adapters as peft and Unsloth save them, read without running anything that they say."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.model_files import exists, read_json, regular_file

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
MAX_CONFIG_BYTES = 1024**2
MAX_WEIGHTS_BYTES = 2 * 1024**3
MOST_RANK = 1024
PREFIX = "base_model.model."
OLD_NAMES = {
    f"codec_model.{part}_transformer.": f"codec_model.{part}.{part}_transformer."
    for part in ("encoder", "decoder")
}
"""What transformers 4 called parts of the codec, which a list of names such as Unsloth's hits."""
NOT_TAKEN = {
    "use_dora": "DoRA",
    "modules_to_save": "whole layers",
    "lora_bias": "biases",
    "trainable_token_indices": "tokens of its own",  # nosec B105
    "layer_replication": "repeated layers",
    "target_parameters": "parameters of its own",
}


@dataclass(frozen=True, slots=True)
class Adapter:
    """`tensors` by the name of a layer in the model: its A [rank, in] and B [out, rank]."""

    tensors: dict[str, tuple[Any, Any]]
    rank: int
    alpha: float
    rank_stabilised: bool = False
    alphas: dict[str, float] = field(default_factory=dict)


def is_adapter(folder: Path) -> bool:
    """Whether the folder has the two files of an adapter."""
    return exists(folder / CONFIG) and exists(folder / WEIGHTS)


def read_adapter(folder: Path) -> Adapter:
    """Raises InvalidArgument naming what of the files is no LoRA adapter of a CSM."""
    told = read_json(folder, CONFIG, MAX_CONFIG_BYTES)
    if not isinstance(told, dict) or told.get("peft_type") != "LORA":
        raise InvalidArgument(f"{CONFIG} is not the configuration of a LoRA adapter")
    for key, what in NOT_TAKEN.items():
        if told.get(key):
            raise InvalidArgument(f"{CONFIG}: {key}: an adapter with {what} is not taken")
    if told.get("bias", "none") != "none":
        raise InvalidArgument(f"{CONFIG}: bias {told['bias']!r} is not taken; train with 'none'")
    return Adapter(
        tensors=_read_tensors(folder),
        rank=int(_number("r", told.get("r"), MOST_RANK)),
        alpha=_number("lora_alpha", told.get("lora_alpha"), 1e6),
        rank_stabilised=bool(told.get("use_rslora")),
        alphas=_pattern(told, "alpha_pattern", 1e6),
    )


def _read_tensors(folder: Path) -> dict[str, tuple[Any, Any]]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found = load_file(regular_file(folder, WEIGHTS, MAX_WEIGHTS_BYTES))
    except SafetensorError as error:
        raise InvalidArgument(f"{WEIGHTS} is no file of weights: {error}") from None
    halves: dict[str, dict[str, Any]] = {}
    for key, tensor in found.items():
        layer, half = _place(key)
        halves.setdefault(layer, {})[half] = tensor
    for layer, pair in halves.items():
        if set(pair) != {"A", "B"} or any(each.dim() != 2 for each in pair.values()):
            raise InvalidArgument(f"{WEIGHTS}: {layer} needs lora_A and lora_B, of two dimensions")
        if pair["A"].shape[0] != pair["B"].shape[1]:
            raise InvalidArgument(f"{WEIGHTS}: {layer}: lora_A and lora_B differ in their rank")
    if not halves:
        raise InvalidArgument(f"{WEIGHTS} holds no weights")
    return {layer: (pair["A"], pair["B"]) for layer, pair in halves.items()}


def _place(key: str) -> tuple[str, str]:
    """The layer that a tensor belongs to, by its name in the model, and which half it is."""
    name = key.removeprefix(PREFIX).removesuffix(".weight").removesuffix(".default")
    layer, _, half = name.rpartition(".lora_")
    if not layer or half not in {"A", "B"}:
        raise InvalidArgument(f"{WEIGHTS}: {key} is no weight of a LoRA adapter")
    for old, new in OLD_NAMES.items():
        if layer.startswith(old):
            layer = new + layer.removeprefix(old)
    return layer, half


def _pattern(told: dict[str, Any], key: str, most: float) -> dict[str, float]:
    found = told.get(key) or {}
    if not isinstance(found, dict):
        raise InvalidArgument(f"{CONFIG}: {key} is no table")
    return {str(name): _number(f"{key}.{name}", each, most) for name, each in found.items()}


def _number(key: str, value: Any, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
        raise InvalidArgument(f"{CONFIG}: {key} {value!r} is no number from 0 to {most:g}")
    return value if math.isfinite(value) else most
