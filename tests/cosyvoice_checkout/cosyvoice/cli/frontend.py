"""Text and recordings, as the model is given them."""

import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch


class CosyVoiceFrontEnd:
    def __init__(
        self,
        get_tokenizer: Callable[[], Callable[[str], list[int]]],
        feat_extractor: Callable[[torch.Tensor], torch.Tensor],
        campplus_model: str,
        speech_tokenizer_model: str,
        spk2info: str = "",
        allowed_special: str = "all",
    ) -> None:
        for file in (campplus_model, speech_tokenizer_model):
            if not Path(file).stat().st_size:
                raise RuntimeError(f"{file} is empty")
        self.tokenizer = get_tokenizer()
        self.feat_extractor = feat_extractor
        self.spk2info: dict[str, Any] = {}
        if spk2info:
            self.spk2info = torch.load(spk2info, weights_only=True)

    def text_normalize(self, text: str, split: bool = True, text_frontend: bool = True) -> Any:
        sentences = [each.strip() for each in text.split(".") if each.strip()]
        return [f"{each}." for each in sentences] if split else text

    def _extract_text_token(self, text: str) -> tuple[torch.Tensor, torch.Tensor]:
        tokens = torch.tensor([self.tokenizer(text)], dtype=torch.int32)
        return tokens, torch.tensor([tokens.shape[1]])

    def _extract_speech_feat(self, prompt_wav: BinaryIO) -> tuple[torch.Tensor, torch.Tensor]:
        feat = self.feat_extractor(_heard(prompt_wav)).transpose(1, 2)
        return feat, torch.tensor([feat.shape[1]])

    def _extract_speech_token(self, prompt_wav: BinaryIO) -> tuple[torch.Tensor, torch.Tensor]:
        speech = _heard(prompt_wav)
        pieces = speech[:, : speech.shape[1] // 960 * 960].reshape(1, -1, 960)
        tokens = (pieces.abs().mean(-1) * 6000).int() % 6561
        return tokens, torch.tensor([tokens.shape[1]])

    def _extract_spk_embedding(self, prompt_wav: BinaryIO) -> torch.Tensor:
        speech = _heard(prompt_wav)
        return speech[:, : speech.shape[1] // 192 * 192].reshape(-1, 192).mean(0, keepdim=True)


def letters() -> Callable[[str], list[int]]:
    """A tokenizer of bytes; the mark behind an instruction is one token."""

    def tokens(text: str) -> list[int]:
        before, mark, after = text.partition("<|endofprompt|>")
        return [*before.encode(), *([256] if mark else []), *after.encode()]

    return tokens


def _heard(file: BinaryIO) -> torch.Tensor:
    with wave.open(file) as recording:
        assert recording.getframerate() == 24_000
        raw = bytearray(recording.readframes(recording.getnframes()))
    return torch.frombuffer(raw, dtype=torch.int16).float()[None] / 32768
