"""What is left out of a transcript: silence, noise, loops, and text where nobody spoke."""

import re
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.levels import levels_above_hum

SILENT_RMS = 40.0
"""int16 RMS (-58 dBFS) that the loudest frames of speech exceed."""
EVEN_RATIO = 1.5
"""Loud frames over quiet ones, in amplitude: below this it is noise without speech."""
MIN_JUDGED_FRAMES = 15

# The thresholds of openai-whisper (whisper/transcribe.py).
NO_SPEECH_PROBABILITY = 0.6
LOW_LOG_PROBABILITY = -1.0
COMPRESSION_RATIO = 2.4
MIN_COMPRESSED_CHARS = 40

LOOP_TOKENS = 12
"""A run of the same few tokens this long is a loop, however short the text."""
DOUBLED_WORDS = 2
"""So many words or more that come twice in a row may have been said once."""

# Transcripts of music and silence that released models learned from subtitles (openai/whisper
# discussions 928 and 679); left out only where the model also doubts that there is speech.
KNOWN_HALLUCINATIONS = frozenset(
    {
        "you",
        "bye",
        "thank you",
        "thanks for watching",
        "thank you for watching",
        "thank you very much for watching",
        "please subscribe",
        "subtitles by the amaraorg community",
        "sous-titres réalisés par la communauté damaraorg",
        "untertitel der amaraorg-community",
        "ご視聴ありがとうございました",
    }
)
KNOWN_PROBABILITY = 0.3


def has_no_speech(pcm: NDArray[np.int16]) -> bool:
    """Whether 16 kHz audio is silence or noise of even level, by the RMS of its 20 ms frames.

    Hum and an offset of all samples do not count.
    """
    levels = levels_above_hum(pcm)
    if not levels.size:
        return True
    quiet, loud = np.percentile(levels, [10, 95])
    if max(loud, levels.max() / 2) < SILENT_RMS:
        return True
    return len(levels) >= MIN_JUDGED_FRAMES and bool(levels.max() < EVEN_RATIO * quiet)


def is_repetitive(tokens: Sequence[int], text: str) -> bool:
    """Whether a transcript repeats itself.

    By openai-whisper's compression ratio, or by one to four tokens that recur to the very end.
    """
    raw = text.encode()
    long_enough = len(raw) >= MIN_COMPRESSED_CHARS
    if long_enough and len(raw) / len(zlib.compress(raw)) > COMPRESSION_RATIO:
        return True
    return any(_loop_length(tokens, period) >= LOOP_TOKENS for period in range(1, 5))


def _loop_length(tokens: Sequence[int], period: int) -> int:
    """How many tokens at the end repeat what stood `period` before."""
    length = 0
    while length < len(tokens) - period and tokens[-1 - length] == tokens[-1 - length - period]:
        length += 1
    return length


def is_doubled(text: str) -> bool:
    """Whether all of a text, or some words in a row, come twice.

    In a shortened window Whisper says short sentences twice; people do so too.
    """
    words = re.findall(r"\w+(?:['\N{RIGHT SINGLE QUOTATION MARK}]\w+)*", text.lower())
    if len(words) > 1 and words[: len(words) // 2] * 2 == words:
        return True
    return any(
        words[at : at + length] == words[at + length : at + 2 * length]
        for length in range(DOUBLED_WORDS, len(words) // 2 + 1)
        for at in range(len(words) - 2 * length + 1)
    )


def without_loop(tokens: Sequence[int]) -> list[int]:
    """The tokens, a loop at their end reduced to one round."""
    kept = list(tokens)
    for period in range(1, 5):
        length = _loop_length(kept, period)
        if length >= LOOP_TOKENS:
            del kept[len(kept) - length :]
    return kept


def is_hallucination(text: str, no_speech: float, log_probability: float) -> bool:
    """Whether Whisper most likely made the text up where nobody spoke.

    `no_speech` is the probability of its no-speech token, `log_probability` the mean of its tokens.
    """
    if no_speech > NO_SPEECH_PROBABILITY and log_probability < LOW_LOG_PROBABILITY:
        return True
    said = "".join(c for c in text.lower() if c.isalnum() or c in " -").strip()
    return not said or (said in KNOWN_HALLUCINATIONS and no_speech > KNOWN_PROBABILITY)
