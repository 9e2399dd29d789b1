"""The weights of one CSM, loaded by transformers; read only, and shared by every request."""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.errors import InvalidArgument, Unavailable
from triton_backends.shared.model_files import read_json, regular_file

WEIGHTS, CONFIG, VOCABULARY = "model.safetensors", "config.json", "tokenizer.json"
MAX_WEIGHTS_BYTES = 8 * 1024**3
MAX_JSON_BYTES = 32 * 1024**2
SAMPLE_RATE = 24_000
MAX_THREADS = 64

Tensor = Any
"""A torch.Tensor; torch is imported where a model of this family is loaded, and nowhere else."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """`dtype` is of backbone and depth decoder: float32, bfloat16 or float16; Mimi's is float32.

    `static_cache`: caches of a fixed size, which a compiled step needs. `compiled`: the step of the
    depth decoder is compiled into CUDA graphs.
    """

    device: str = "cpu"
    dtype: str = "float32"
    threads: int = 0
    static_cache: bool = False
    compiled: bool = False


class Network:
    """All parts of one model; every call blocks.

    `model` is the CsmForConditionalGeneration, whose backbone and depth decoder the frame loop
    runs; `codec` its Mimi, which turns frames of codes into audio and back.
    """

    def __init__(self, folder: Path, hardware: Hardware) -> None:
        # Threads that spin between two operations take the cores of whoever else computes. Read
        # when the library of threads is loaded, so it must come before torch.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        import torch

        if hardware.device.startswith("cuda") and not torch.cuda.is_available():
            raise Unavailable("parameter device: there is no CUDA device; use cpu")
        cores = len(os.sched_getaffinity(0))
        torch.set_num_threads(hardware.threads or max(1, min(cores // 2, 4)))
        self.no_gradients = partial(torch.inference_mode)
        self.hardware = hardware
        self.device = torch.device(hardware.device)
        self.take(_load(folder, hardware))
        self._tokenizer = _tokenizer(folder)
        config = self.model.config
        self.codebooks: int = config.num_codebooks
        self.eos: int = config.codebook_eos_token_id
        self.codes: int = config.codec_config.codebook_size
        """How many values a code of Mimi has; the last of the vocabulary are none of audio."""
        self.most_positions: int = config.max_position_embeddings
        self.frame_samples = round(SAMPLE_RATE / config.codec_config.frame_rate)

    def take(self, model: Any) -> None:
        """Computes with this model from now on."""
        import torch

        self.model = model
        self.codec = model.codec_model
        self.depth_step: Any = model.depth_decoder
        """One step of the depth decoder, of which a frame has as many as codebooks, less one."""
        if self.hardware.compiled:
            self.depth_step = torch.compile(self.depth_step, mode="reduce-overhead", dynamic=False)

    def text_ids(self, role: int, text: str, name: str = "TEXT") -> list[int]:
        """A turn's text as the model reads it, between its marks: `[role]text`.

        Raises InvalidArgument where the text, the tensor `name`, has one of the model's own marks.
        """
        tokenizer = self._tokenizer
        for mark in tokenizer.all_special_tokens:
            if mark in text:
                raise InvalidArgument(
                    f"{name} has {mark!r}, a mark of the model's own; leave it out"
                )
        ids: list[int] = tokenizer.encode(f"[{role}]{text}", add_special_tokens=False)
        return [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id]

    def text_embeddings(self, ids: list[int]) -> Tensor:
        """[1, n, width] of text."""
        import torch

        with self.no_gradients():
            return self.model.embed_text_tokens(torch.tensor([ids], device=self.device))

    def audio_embeddings(self, codes: NDArray[np.int64]) -> Tensor:
        """[1, frames + 1, width] of a turn's audio, codes [frames, codebooks], and its end."""
        import torch

        with self.no_gradients():
            end = torch.full((1, self.codebooks), self.eos)
            heard = torch.cat([torch.from_numpy(codes), end])[None].to(self.device)
            return self.model.backbone_model.embed_tokens(heard)

    def encode(self, audio: NDArray[np.int16]) -> NDArray[np.int64]:
        """The codes [frames, codebooks] of a recording, int16 mono at 24 kHz."""
        import torch

        with self.no_gradients():
            values = torch.from_numpy(audio.astype(np.float32) / 32768)[None, None]
            codes = self.codec.encode(values.to(self.device)).audio_codes[0]
        found: NDArray[np.int64] = codes[: self.codebooks].T.contiguous().cpu().numpy()
        return found

    def close(self) -> None:
        self.model = self.codec = self.depth_step = None


def _load(folder: Path, hardware: Hardware) -> Any:
    """The library's own model with the weights of the folder.

    Raises InvalidArgument naming the file that is wrong.
    """
    import torch
    from transformers import CsmForConditionalGeneration
    from transformers.utils import logging

    regular_file(folder, WEIGHTS, MAX_WEIGHTS_BYTES)
    told = read_json(folder, CONFIG, MAX_JSON_BYTES)
    if not isinstance(told, dict) or told.get("model_type") != "csm":
        raise InvalidArgument(f"{CONFIG} is not the configuration of a CSM model")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        model, found = CsmForConditionalGeneration.from_pretrained(  # nosec B615
            folder,
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
    # Untrusted configuration and weights: the library raises whatever it runs into.
    except Exception as error:  # noqa: BLE001
        raise InvalidArgument(f"{WEIGHTS} does not fit {CONFIG}: {_short(error)}") from None
    lacking = sorted(map(str, [*found["missing_keys"], *found["mismatched_keys"]]))
    if lacking:
        raise InvalidArgument(f"{WEIGHTS} does not fit {CONFIG}: it lacks {', '.join(lacking[:3])}")
    # Mimi stays in float32, where its error is inaudible.
    for part in (model.backbone_model, model.depth_decoder, model.embed_text_tokens, model.lm_head):
        part.to(getattr(torch, hardware.dtype))
    model.to(hardware.device)
    return model.eval()


def _tokenizer(folder: Path) -> Any:
    from transformers import PreTrainedTokenizerFast

    read_json(folder, VOCABULARY, MAX_JSON_BYTES)
    try:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(  # nosec B615
            folder, local_files_only=True
        )
    # As above.
    except Exception as error:  # noqa: BLE001
        raise InvalidArgument(f"{VOCABULARY} is wrong: {_short(error)}") from None
    if tokenizer.bos_token_id is None or tokenizer.eos_token_id is None:
        raise InvalidArgument(f"{VOCABULARY} has no marks of beginning and end")
    return tokenizer


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
