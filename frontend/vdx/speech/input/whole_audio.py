"""The transcript of audio that is there as a whole, of one sequence of the recogniser."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Final

from vdx.core.audio import LISTEN_FRAME, SAMPLE_BYTES
from vdx.core.errors import ModelFailed, ModelTimeout
from vdx.core.events import TranscriptKind
from vdx.speech.input.asr import Recognition

_FRAME: Final = LISTEN_FRAME * SAMPLE_BYTES
_PIECE: Final = 12 * _FRAME
"""As much as a recogniser takes in at once without keeping others waiting."""


async def transcribe(
    opened: AbstractAsyncContextManager[Recognition], pcm: bytes, timeout_s: float
) -> str:
    """The words in int16 16 kHz mono audio; `opened` is a sequence of its own.

    Raises:
        ModelTimeout: the final transcript did not come within `timeout_s` of the last audio.
        ModelFailed: it did not come at all.
        VdxError: what else the recogniser says.
    """
    whole = pcm + bytes(-len(pcm) % _FRAME)
    async with opened as recognition:
        for at in range(0, len(whole), _PIECE):
            await recognition.send(whole[at : at + _PIECE])
        await recognition.send(b"", end=True)
        try:
            async with asyncio.timeout(timeout_s):
                async for transcript in recognition:
                    if transcript.kind is TranscriptKind.FINAL:
                        return transcript.text.strip()
        except TimeoutError:
            raise ModelTimeout(f"no final transcript within {timeout_s:g} s") from None
    raise ModelFailed("the recogniser ended without a transcript")
