"""The weights of one XTTS-v2, loaded by coqui-tts; read only, and shared by every request."""

import os
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.contract import REFERENCE_RATE
from triton_backends.shared.errors import Internal, InvalidArgument, Unavailable
from triton_backends.shared.model_files import read_json, regular_file

WEIGHTS, CONFIG, VOCABULARY = "xtts.safetensors", "config.json", "vocab.json"
MAX_WEIGHTS_BYTES = 8 * 1024**3
MAX_JSON_BYTES = 32 * 1024**2
SAMPLE_RATE = 24_000
CONDITIONING_RATE = 22_050
HOP = 256
"""Samples of a vocoder frame."""
MAX_THREADS = 64

Tensor = Any
"""A torch.Tensor; torch is imported where a model of this family is loaded, and nowhere else."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """`dtype` is of the GPT: float32, bfloat16 or float16; the vocoder is always float32."""

    device: str = "cpu"
    dtype: str = "float32"
    threads: int = 0


@dataclass(frozen=True, slots=True)
class Conditioning:
    """A voice: `gpt` [1, n, width] is put before the text, `speaker` [1, 512, 1] tells the vocoder.

    On the device of the network, float32.
    """

    gpt: Tensor
    speaker: Tensor


class Network:
    """All parts; each call blocks and may come from several threads at once."""

    def __init__(self, folder: Path, hardware: Hardware) -> None:
        # Threads that spin between two operations take the cores of whoever else computes. Read
        # when the library of threads is loaded, so it must come before torch.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        import torch

        if hardware.device.startswith("cuda") and not torch.cuda.is_available():
            raise Unavailable("parameter device: there is no CUDA device; use cpu")
        cores = len(os.sched_getaffinity(0))
        torch.set_num_threads(hardware.threads or max(1, min(cores // 2, 4)))
        self._no_gradients = partial(torch.inference_mode)
        self._model = _load(folder, hardware)
        self._gpt = self._model.gpt
        self._decoder = self._model.hifigan_decoder
        self._device = torch.device(hardware.device)
        self.languages = _languages(self._model.config)
        self.stop_token: int = self._gpt.stop_audio_token
        self.most_tokens: int = self._gpt.max_gen_mel_tokens
        self.most_text_tokens: int = self._model.args.gpt_max_text_tokens

    def most_characters(self, language: str) -> int:
        """The longest text of a language that the model was trained for."""
        limits: dict[str, int] = self._model.tokenizer.char_limits
        return limits.get(language, 250)

    def text_ids(self, text: str, language: str) -> list[int]:
        """The text as the library brings it to the model: cleaned, in lower case, with its tag.

        Raises InvalidArgument for a number that the library has no words for.
        """
        try:
            ids: list[int] = self._model.tokenizer.encode(text.strip().lower(), lang=language)
        except (ArithmeticError, LookupError, NotImplementedError, ValueError) as error:
            raise InvalidArgument(
                f"TEXT has a number that coqui-tts cannot read in {language!r} "
                f"({type(error).__name__}); write it in words"
            ) from None
        return ids

    def prompt(self, ids: list[int], voice: Conditioning) -> Tensor:
        """What the GPT is given before the first token: voice and text, [1, n, width]."""
        import torch

        gpt = self._gpt
        framed = torch.tensor([[gpt.start_text_token, *ids, gpt.stop_text_token]])
        framed = framed.to(self._device)
        with self._no_gradients():
            text = gpt.text_embedding(framed) + gpt.text_pos_embedding(framed)
            return torch.cat([voice.gpt.to(text.dtype), text], dim=1)

    def first_ids(self, prompt: Tensor) -> Tensor:
        """The tokens that the library holds for the prompt and the start, [1, n + 1].

        The penalty of repetitions counts them as said.
        """
        import torch

        ids = torch.ones((1, prompt.shape[1] + 1), dtype=torch.long, device=self._device)
        ids[:, -1] = self._gpt.start_audio_token
        return ids

    def step(self, before: Tensor | None, token: Tensor, index: int, cache: Any) -> tuple[Any, Any]:
        """One step of the GPT: the latent [1, width] of the next token, and its logits, float32.

        `before` is the prompt in the first step and None afterwards; `token` [1, 1] is the last
        one, the `index`th of the audio. `cache` is the request's own.
        """
        import torch

        gpt = self._gpt
        with self._no_gradients():
            inputs = gpt.mel_embedding(token)
            inputs = inputs + gpt.mel_pos_embedding.get_fixed_embedding(index, self._device)
            if before is not None:
                inputs = torch.cat([before, inputs], dim=1)
            heard = gpt.gpt(inputs_embeds=inputs, past_key_values=cache, use_cache=True)
            latent = gpt.final_norm(heard.last_hidden_state[:, -1])
            return latent, gpt.mel_head(latent).float()

    def frames(self, latents: Tensor, speed: float) -> Tensor:
        """Latents [1, n, width] as vocoder frames [1, width, m], interpolated as the library does.

        Frames of a beginning are a beginning of the frames, but for the last few; see `settled`.
        """
        from torch.nn.functional import interpolate

        with self._no_gradients():
            stretched = latents.float().transpose(1, 2)
            for scale in self.scales(speed):
                stretched = interpolate(stretched, scale_factor=[scale], mode="linear")
            return stretched

    def scales(self, speed: float) -> tuple[float, ...]:
        """By how much latents are stretched, step by step, until they are frames."""
        decoder = self._decoder
        own = (
            decoder.ar_mel_length_compression / decoder.output_hop_length,
            decoder.output_sample_rate / decoder.input_sample_rate,
        )
        return own if speed == 1 else (1 / speed, *own)

    def vocode(self, frames: Tensor, voice: Conditioning) -> NDArray[np.float32]:
        """Audio of frames [1, width, m]: HOP samples each, float32 at 24 kHz."""
        with self._no_gradients():
            audio = self._decoder.waveform_decoder(frames, g=voice.speaker)[0, 0]
        pcm: NDArray[np.float32] = audio.cpu().numpy()
        return pcm

    def condition(self, reference: NDArray[np.int16]) -> Conditioning:
        """The voice of a recording, int16 mono at 24 kHz; as the library does it for one file."""
        import torch
        from torchaudio.functional import resample

        config = self._model.config
        with self._no_gradients():
            heard = torch.from_numpy(reference.astype(np.float32) / 32768)[None]
            heard = resample(heard, REFERENCE_RATE, CONDITIONING_RATE)
            heard = heard[:, : config.max_ref_len * CONDITIONING_RATE]
            if config.sound_norm_refs:
                heard = heard / heard.abs().max() * 0.75
            gpt = self._model.get_gpt_cond_latents(
                heard, CONDITIONING_RATE, config.gpt_cond_len, config.gpt_cond_chunk_len
            )
            speaker = self._model.get_speaker_embedding(heard, CONDITIONING_RATE)
        return self.placed(gpt, speaker)

    def placed(self, gpt: Tensor, speaker: Tensor) -> Conditioning:
        """A voice that was kept in a file, on the device."""
        return Conditioning(gpt.float().to(self._device), speaker.float().to(self._device))

    def close(self) -> None:
        self._model = self._gpt = self._decoder = None


def _load(folder: Path, hardware: Hardware) -> Any:
    """The library's own model with the weights of the folder.

    Raises InvalidArgument naming the file that is wrong.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer
    from TTS.tts.models.xtts import Xtts

    weights = regular_file(folder, WEIGHTS, MAX_WEIGHTS_BYTES)
    read_json(folder, VOCABULARY, MAX_JSON_BYTES)
    told = read_json(folder, CONFIG, MAX_JSON_BYTES)
    if not isinstance(told, dict) or told.get("model") != "xtts":
        raise InvalidArgument(f"{CONFIG} is not the configuration of an XTTS model")
    config = XttsConfig()
    try:
        config.from_dict(told)
        model = Xtts(config)
        model.tokenizer = VoiceBpeTokenizer(vocab_file=folder / VOCABULARY)
        model.init_models()
    # Untrusted configuration and vocabulary: the library raises whatever it runs into.
    except Exception as error:  # noqa: BLE001
        raise InvalidArgument(f"{CONFIG} or {VOCABULARY} is wrong: {error}") from None
    try:
        model.load_state_dict(load_file(weights), strict=True, assign=True)
    except (RuntimeError, SafetensorError) as error:
        raise InvalidArgument(f"{WEIGHTS} does not fit {CONFIG}: {_short(error)}") from None
    model.gpt.init_gpt_for_inference(kv_cache=True)
    model.gpt.to(getattr(torch, hardware.dtype))
    _fold_weight_norm(model.hifigan_decoder.waveform_decoder)
    model.to(hardware.device)
    torch.nn.Module.eval(model)
    return model


def _fold_weight_norm(vocoder: Any) -> None:
    """Computes the weights once; the method of the library fails at the first and last layer."""
    from torch.nn.utils import parametrize

    for module in vocoder.modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _languages(config: Any) -> tuple[str, ...]:
    """What the model knows and this environment can read; Japanese needs a library of its own."""
    known = [str(each).partition("-")[0] for each in config.languages]
    if not known:
        raise Internal(f"{CONFIG} names no language")
    return tuple(each for each in known if each != "ja" or find_spec("cutlet"))
