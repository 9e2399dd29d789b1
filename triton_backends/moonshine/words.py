"""Words of a window: their times, where the decoder tells what each token attends to."""

import numpy as np
from numpy.typing import NDArray

from triton_backends.moonshine.search import DecodedTokens
from triton_backends.moonshine.vocabulary import Vocabulary
from triton_backends.shared.engine import Word


def timed_words(
    said: DecodedTokens, vocabulary: Vocabulary, frame_ms: float, start_ms: int
) -> tuple[Word, ...]:
    """Words from the frame that their first token attends to, until the next word begins.

    Empty without attention. A frame of the memory is `frame_ms` long, the first begins at
    `start_ms`.
    """
    if not said.attention or len(said.attention) != len(said.tokens):
        return ()
    begins = aligned(np.stack(said.attention))
    found: list[tuple[bytes, float]] = []
    for token, frame in zip(said.tokens, begins, strict=True):
        raw = vocabulary.text(token)
        if raw.startswith(b" ") or not found:
            found.append((raw, frame * frame_ms))
        else:
            found[-1] = (found[-1][0] + raw, found[-1][1])
    written = [(raw.decode("utf-8", errors="ignore").strip(), begin) for raw, begin in found]
    words = [(text, begin) for text, begin in written if text]
    ends = [*(begin for _, begin in words[1:]), said.attention[0].size * frame_ms]
    return tuple(
        Word(text, start_ms + round(begin), start_ms + round(end))
        for (text, begin), end in zip(words, ends, strict=False)
    )


def aligned(attention: NDArray[np.float32]) -> list[int]:
    """The frame at which each token begins, on the likeliest way through [tokens, frames].

    Dynamic time warping (Sakoe and Chiba 1978) over the negative attention, as Whisper's word
    times: each frame belongs to one token, in order.
    """
    tokens, frames = attention.shape
    cost = np.full((tokens + 1, frames + 1), np.inf)
    cost[0, 0] = 0.0
    came = np.zeros((tokens + 1, frames + 1), np.int8)
    for frame in range(1, frames + 1):
        same, next_ = cost[1:, frame - 1], cost[:-1, frame - 1]
        came[1:, frame] = next_ <= same
        cost[1:, frame] = np.minimum(same, next_) - attention[:, frame - 1]
    begins = [0] * tokens
    token = min(tokens, frames)
    for frame in range(frames, 0, -1):
        begins[token - 1] = frame - 1
        token -= int(came[token, frame])
        if token == 0:
            break
    for place in range(1, tokens):
        begins[place] = max(begins[place], begins[place - 1])
    return begins
