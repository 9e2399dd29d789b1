"""Makes files that hold nothing but tensors of those that XTTS-v2 is published in.

`model.pth` and `speakers_xtts.pth` are pickles. They are read with `weights_only`, which builds
tensors, plain containers and the four classes of the library's configuration, and runs no code.
"""

from pathlib import Path
from typing import Any

from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.model_files import exists, regular_file
from triton_backends.xtts.network import MAX_WEIGHTS_BYTES, WEIGHTS
from triton_backends.xtts.speakers import FILE, GPT, MAX_BYTES, SPEAKER

PUBLISHED, PUBLISHED_SPEAKERS = "model.pth", "speakers_xtts.pth"
_TRAINING = ("torch_mel_spectrogram_style_encoder", "torch_mel_spectrogram_dvae", "dvae")
_MADE_AT_LOAD = ("gpt.gpt_inference.", "gpt.gpt.wte.")
"""Parts of a checkpoint that speaking does not need, and such as loading makes of others."""


def convert(folder: Path) -> None:
    """Writes WEIGHTS and the voices into `folder`, and removes the pickles that they are made of.

    Raises InvalidArgument where a file is not what it is published as.
    """
    from safetensors.torch import save_file

    loaded = _read(regular_file(folder, PUBLISHED, MAX_WEIGHTS_BYTES))
    state = loaded.get("model", loaded) if isinstance(loaded, dict) else None
    if not isinstance(state, dict) or not state:
        raise InvalidArgument(f"{PUBLISHED} holds no weights")
    save_file(_wanted(state), folder / WEIGHTS)
    (folder / PUBLISHED).unlink()
    if exists(folder / PUBLISHED_SPEAKERS):
        voices = _read(regular_file(folder, PUBLISHED_SPEAKERS, MAX_BYTES))
        save_file(_speakers(voices), folder / FILE)
        (folder / PUBLISHED_SPEAKERS).unlink()


def _read(file: Path) -> Any:
    import pickle  # nosec B403  (for the name of its error; nothing is unpickled by it)

    import torch
    from TTS.config.shared_configs import BaseDatasetConfig
    from TTS.tts.configs.xtts_config import XttsArgs, XttsAudioConfig, XttsConfig

    old = "TTS.tts.models.xtts"  # where the released file says that two of the classes are
    known = [
        BaseDatasetConfig,
        XttsConfig,
        XttsArgs,
        XttsAudioConfig,
        (XttsArgs, f"{old}.XttsArgs"),
        (XttsAudioConfig, f"{old}.XttsAudioConfig"),
    ]
    try:
        with torch.serialization.safe_globals(known):
            return torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        why = " ".join(str(error).split())[:200]
        raise InvalidArgument(f"{file.name} holds more than weights: {why}") from None


def _wanted(state: dict[str, Any]) -> dict[str, Any]:
    import torch

    kept = {}
    for key, value in state.items():
        name = str(key).removeprefix("xtts.")
        if name.partition(".")[0] in _TRAINING or name.startswith(_MADE_AT_LOAD):
            continue
        if not isinstance(value, torch.Tensor):
            raise InvalidArgument(f"{PUBLISHED}: {name} is no tensor")
        # Views of one storage cannot be written; each tensor gets its own.
        kept[name] = value.detach().clone().contiguous()
    return kept


def _speakers(voices: Any) -> dict[str, Any]:
    """Told apart by shape: the names of the two tensors differ between releases."""
    tensors = {}
    if not isinstance(voices, dict):
        raise InvalidArgument(f"{PUBLISHED_SPEAKERS} holds no voices")
    for name, parts in voices.items():
        found = list(parts.values()) if isinstance(parts, dict) else []
        speaker = [each for each in found if each.dim() == 3 and each.shape[-1] == 1]
        gpt = [each for each in found if each.dim() == 3 and each.shape[-1] != 1]
        if len(speaker) != 1 or len(gpt) != 1:
            raise InvalidArgument(f"{PUBLISHED_SPEAKERS}: {name!r} is no voice")
        tensors[GPT + str(name)] = gpt[0].detach().clone().contiguous()
        tensors[SPEAKER + str(name)] = speaker[0].detach().clone().contiguous()
    return tensors
