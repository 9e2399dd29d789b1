"""Networks that a configuration names; each depends on what the real one depends on."""

from collections.abc import Generator
from typing import Any

import torch

WIDTH = 16
RATIO = 2
"""Mel frames of a token."""


def draw(scores: torch.Tensor, said: list[int], sampling: int, top_k: int = 25) -> int:
    """One of the best, by the random numbers of the process."""
    best, tokens = scores.topk(top_k)
    return int(tokens[best.softmax(0).multinomial(1)])


class LanguageModel(torch.nn.Module):
    """Every token depends on all before it, the text and the recording."""

    def __init__(self, speech_token_size: int, sampling: Any) -> None:
        super().__init__()
        self.speech_token_size = speech_token_size
        self.sampling = sampling
        self.text = torch.nn.Embedding(300, WIDTH)
        self.sound = torch.nn.Embedding(speech_token_size + 3, WIDTH)
        self.step = torch.nn.GRUCell(WIDTH, WIDTH)
        self.head = torch.nn.Linear(WIDTH, speech_token_size + 3)

    @torch.inference_mode()
    def inference(
        self,
        text: torch.Tensor,
        text_len: torch.Tensor,
        prompt_text: torch.Tensor,
        prompt_text_len: torch.Tensor,
        prompt_speech_token: torch.Tensor,
        prompt_speech_token_len: torch.Tensor,
        embedding: torch.Tensor,
        sampling: int = 25,
        max_token_text_ratio: float = 20,
        min_token_text_ratio: float = 2,
        uuid: str = "",
    ) -> Generator[int, None, None]:
        state = torch.zeros(1, WIDTH)
        given = (self.text(prompt_text), self.text(text), self.sound(prompt_speech_token))
        for each in torch.cat(given, dim=1)[0]:
            state = self.step(each[None], state)
        said: list[int] = []
        for _ in range(int(text_len * max_token_text_ratio)):
            scores = self.head(state)[0]
            scores[self.speech_token_size :] = -torch.inf
            said.append(self.sampling(scores, said, sampling))
            yield said[-1]
            state = self.step(self.sound.weight[said[-1]][None], state)


class Flow(torch.nn.Module):
    """Frames [1, RATIO * n] of tokens; each depends on those before it alone."""

    def __init__(self, vocab_size: int, pre_lookahead_len: int) -> None:
        super().__init__()
        self.pre_lookahead_len = pre_lookahead_len
        self.token_mel_ratio = RATIO
        self.loudness = torch.nn.Embedding(vocab_size + 3, RATIO)

    def forward(self, token: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        frames = self.loudness(token).reshape(1, -1)
        counts = torch.arange(1, frames.shape[1] + 1)
        return (frames.cumsum(1) / counts + frames).tanh() * (1 + embedding.mean().tanh() / 10)


class Vocoder(torch.nn.Module):
    """Tones and noise as loud as the frames."""

    def __init__(self, hop: int) -> None:
        super().__init__()
        self.hop = hop
        self.tone = torch.nn.Parameter(torch.full((1,), 0.2))

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        loud = frames.abs().repeat_interleave(self.hop, dim=1)
        wave = torch.sin(torch.arange(loud.shape[1]) * self.tone)
        return loud * (wave + torch.randn_like(loud) / 10) / 2


def mel(speech: torch.Tensor) -> torch.Tensor:
    """[1, 80, frames] of speech [1, n] at 24 kHz, 50 frames for a second."""
    frames = speech[:, : speech.shape[1] // 480 * 480].reshape(1, -1, 480).abs().mean(-1)
    return frames[:, None].expand(1, 80, -1)
