"""Computes a prepared sentence window by window, each sample equal to that of the whole."""

import numpy as np

from triton_backends.piper.context import Context
from triton_backends.piper.networks import Array, Networks, Prepared


class Windows:
    """The audio of one sentence; `upto` is asked for growing ends and never computes twice."""

    def __init__(
        self, networks: Networks, prepared: Prepared, flow: Context, decoder: Context
    ) -> None:
        self._networks = networks
        self._prepared = prepared
        self._flow_reach = flow.frames
        self._decoder_reach = decoder.frames
        self._hop = decoder.samples
        self._decoded = np.zeros((*prepared.latent.shape[:2], 0), np.float32)
        self.at = 0

    @property
    def frames(self) -> int:
        """Frames of the sentence, of which `at` have been computed."""
        return self._prepared.frames

    def upto(self, end: int, *, urgent: bool = False) -> Array:
        """Audio from where the last window ended to frame `end`; `urgent` as in Networks."""
        start, self.at = self.at, end
        left = max(start - self._decoder_reach, 0)
        right = min(end + self._decoder_reach, self.frames)
        self._decode_upto(right, urgent)
        window = np.ascontiguousarray(self._decoded[:, :, left:right])
        audio = self._networks.decoder(window, self._prepared.speaker, urgent=urgent)
        return audio[(start - left) * self._hop : (end - left) * self._hop]

    def _decode_upto(self, end: int, urgent: bool) -> None:
        start = self._decoded.shape[2]
        if start >= end:
            return
        left = max(start - self._flow_reach, 0)
        right = min(end + self._flow_reach, self.frames)
        latent = np.ascontiguousarray(self._prepared.latent[:, :, left:right])
        mask = np.ascontiguousarray(self._prepared.mask[:, :, left:right])
        window = self._networks.flow(latent, mask, self._prepared.speaker, urgent=urgent)
        fresh = window[:, :, start - left : end - left]
        self._decoded = np.concatenate([self._decoded, fresh], axis=2)
