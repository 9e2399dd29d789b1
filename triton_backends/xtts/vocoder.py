"""HiFi-GAN in windows: what is heard equals one decode of everything, and starts before the end.

The library decodes all latents again for every chunk and cross-fades the edges. Here each window is
decoded with OVERLAP frames on both sides, which is what its convolutions reach, so that its own
frames come out as in one decode (measured: 10 frames or more are exact in float32).
"""

import math

import numpy as np
from numpy.typing import NDArray

from triton_backends.xtts.network import HOP, Conditioning, Network, Tensor

OVERLAP = 11
"""Frames decoded on each side of a window and thrown away."""
FIRST_TOKENS, LARGEST_TOKENS = 6, 48


class Windows:
    """Takes latents and gives audio; the state of one text."""

    def __init__(
        self, network: Network, voice: Conditioning, speed: float, first: int, largest: int
    ) -> None:
        self._network = network
        self._voice = voice
        self._speed = speed
        self._latents: list[Tensor] = []
        self._done = 0
        self._size = first
        self._due = first
        self._largest = largest

    def push(self, latent: Tensor) -> bool:
        """Takes a latent [1, width]; whether the next window has enough of them."""
        self._latents.append(latent)
        return len(self._latents) >= self._due

    def decode(self, *, last: bool = False) -> NDArray[np.float32]:
        """The audio of the next window, float32 at 24 kHz; empty where there is none yet."""
        import torch

        count, scales = len(self._latents), self._network.scales(self._speed)
        end = total(count, scales) if last else settled(count, scales) - OVERLAP
        if end <= self._done:
            self._due = count + 1  # at a high speed a token is little audio
            return np.zeros(0, np.float32)
        self._size = min(self._size * 2, self._largest)
        self._due = count + self._size
        frames = self._network.frames(torch.stack(self._latents, dim=1), self._speed)
        start = max(self._done - OVERLAP, 0)
        pcm = self._network.vocode(frames[:, :, start : end + OVERLAP], self._voice)
        own = pcm[(self._done - start) * HOP : (end - start) * HOP]
        self._done = end
        return own


def total(count: int, scales: tuple[float, ...]) -> int:
    """How many frames so many latents are; 0 where a step leaves nothing of them."""
    for scale in scales:
        count = math.floor(count * scale)
    return count


def settled(count: int, scales: tuple[float, ...]) -> int:
    """How many frames of so many latents stay as they are when more latents follow.

    Linear interpolation by s reads at (i + 0.5) / s - 0.5, between two neighbours; the last of them
    must be there. Where the number does not change torch copies instead, and nothing is settled.
    """
    whole, own = count, count
    for scale in scales:
        before, whole = whole, math.floor(whole * scale)
        if whole == before:
            return 0
        own = max(math.floor(scale * (own - 0.5) - 0.5), 0)
    return own
