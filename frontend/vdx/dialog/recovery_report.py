"""Tells the user that a model is away, where it is waited for longer than goes unnoticed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from vdx.core.errors import VdxError
from vdx.dialog.session_events import ErrorOccurred
from vdx.speech.output.tts import Recover, Voice

Found = TypeVar("Found")

TOLD_AFTER_S: Final = 1.5
"""Of waiting: a model alone is back sooner, a whole server seldom is."""


async def reported(
    recovered: Awaitable[Found], error: VdxError, emit: Callable[[ErrorOccurred], None]
) -> Found:
    """What `recovered` gives; `error`, for which it is waited, is told after TOLD_AFTER_S."""
    loop = asyncio.get_running_loop()
    timer = loop.call_later(TOLD_AFTER_S, lambda: emit(ErrorOccurred(error)))
    try:
        return await recovered
    finally:
        timer.cancel()


def voice_recovery_reported(recover: Recover, emit: Callable[[ErrorOccurred], None]) -> Recover:
    """A voice's recovery that tells the user."""

    async def recovered(voice: Voice, error: VdxError, failures: int) -> Voice | None:
        return await reported(recover(voice, error, failures), error, emit)

    return recovered
