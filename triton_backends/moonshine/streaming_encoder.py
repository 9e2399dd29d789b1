"""The encoder of the streaming models: features as sound comes, then a window of them encoded.

Names and shapes: moonshine-ai/moonshine core/moonshine-streaming-model.cpp. The encoder has no
state: a feature depends on `LEFT` before it for each layer and on `total_lookahead` after it, so
that with these around it, it is what it would be in the whole recording.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triton_backends.moonshine.audio_encoder import Memory, Sound
from triton_backends.moonshine.settings import Settings
from triton_backends.shared.contract import ASR_RATE
from triton_backends.shared.network import Array, Network

STEP = 1280
"""Samples that the front end is given at once, as in the reference; four features of 20 ms."""
LEFT = 16
"""Features before one that a layer attends to."""
BUFFERS = ("sample_buffer", "sample_len", "conv1_buffer", "conv2_buffer", "frame_count")
FRAMES = 4
"""Frames of `frame_len` samples that the convolutions make one feature of."""
CONVOLVED = 4
"""Frames that a convolution keeps."""

FEATURES, ENCODED, POSITION, MEMORY = "features", "encoded", "pos_offset", "memory"


@dataclass(frozen=True, slots=True)
class EncoderState:
    """`features` [1, n, size] begin with number `first`; the memory covers the first `covered`."""

    buffers: tuple[Array, ...]
    features: NDArray[np.float32]
    memory: Memory
    first: int = 0

    @property
    def covered(self) -> int:
        return int(self.memory.shape[1])


class StreamingEncoder:
    """Front end, encoder and adapter; raises InvalidArgument where one does not fit."""

    step = STEP

    def __init__(
        self, frontend: Network, encoder: Network, adapter: Network, settings: Settings
    ) -> None:
        self._frontend, self._encoder, self._adapter = frontend, encoder, adapter
        self._settings = settings
        size = settings.encoder_dim
        shapes = (
            (1, settings.frame_len - 1),
            (1,),
            (1, settings.d_model_frontend, CONVOLVED),
            (1, settings.c1, CONVOLVED),
            (1,),
        )
        self.frame_ms = settings.frame_len * FRAMES * 1000 / ASR_RATE
        frontend.input("audio_chunk", None, None)
        frontend.output(FEATURES, None, None, size)
        self._empty: list[Array] = []
        for name, shape in zip(BUFFERS, shapes, strict=True):
            found = frontend.input(name, *shape)
            frontend.output(f"{name}_out")
            self._empty.append(np.zeros(shape, found.dtype))
        encoder.input(FEATURES, None, None, size)
        encoder.output(ENCODED, None, None, size)
        adapter.input(ENCODED, None, None, size)
        self._position = adapter.input(POSITION, 1)
        adapter.output(MEMORY, None, None, settings.decoder_dim)

    def start(self) -> EncoderState:
        features = np.zeros((1, 0, self._settings.encoder_dim), np.float32)
        memory = np.zeros((1, 0, self._settings.decoder_dim), np.float32)
        return EncoderState(tuple(self._empty), features, memory)

    def hear(self, state: EncoderState, sound: Sound) -> EncoderState:
        """`sound` has a multiple of `STEP` samples."""
        buffers, features = state.buffers, [state.features]
        for at in range(0, sound.size, STEP):
            inputs = {"audio_chunk": sound[None, at : at + STEP]}
            inputs |= dict(zip(BUFFERS, buffers, strict=True))
            wanted = [FEATURES, *(f"{name}_out" for name in BUFFERS)]
            found, *after = self._frontend(inputs, wanted)
            buffers = tuple(after)
            features.append(found)
        return EncoderState(buffers, np.concatenate(features, axis=1), state.memory, state.first)

    def listen(self, state: EncoderState, *, last: bool) -> tuple[Memory, EncoderState]:
        there = state.first + state.features.shape[1]
        settled = there if last else max(there - self._settings.total_lookahead, 0)
        new = settled - state.covered
        if new <= 0:
            return state.memory, state
        left = max(state.covered - LEFT * self._settings.depth, 0)
        window = state.features[:, left - state.first :]
        [encoded] = self._encoder({FEATURES: window}, [ENCODED])
        begin = state.covered - left
        position = np.array([state.covered], self._position.dtype)
        inputs = {ENCODED: encoded[:, begin : begin + new], POSITION: position}
        [adapted] = self._adapter(inputs, [MEMORY])
        memory = np.concatenate([state.memory, adapted], axis=1)
        # What no later window needs is forgotten.
        first = max(settled - LEFT * self._settings.depth, state.first)
        kept = state.features[:, first - state.first :]
        return memory, EncoderState(state.buffers, kept, memory, first)
