"""Who waits for a model that is away is told so."""

import asyncio

import pytest

from tests.unit.virtual_time import on_virtual_time
from vdx.core.errors import ModelDied, TritonUnavailable, VdxError
from vdx.dialog.recovery_report import TOLD_AFTER_S, reported, voice_recovery_reported
from vdx.dialog.session_events import ErrorOccurred
from vdx.speech.output.tts import Voice


@pytest.mark.parametrize(
    ("waited_s", "times"), [(0.0, 0), (TOLD_AFTER_S - 0.1, 0), (TOLD_AFTER_S + 0.1, 1), (30.0, 1)]
)
@on_virtual_time
async def test_a_long_wait_is_told_once(waited_s: float, times: int) -> None:
    told: list[ErrorOccurred] = []
    error = TritonUnavailable("Triton does not answer")

    async def back() -> bool:
        await asyncio.sleep(waited_s)
        return True

    assert await reported(back(), error, told.append)
    await asyncio.sleep(10)
    assert told == [ErrorOccurred(error)] * times


@on_virtual_time
async def test_of_a_voice_too() -> None:
    told: list[ErrorOccurred] = []
    error, other = ModelDied("gone", model="v"), Voice("other")

    async def recover(_: Voice, __: VdxError, failures: int) -> Voice | None:
        await asyncio.sleep(2 * TOLD_AFTER_S)
        return other if failures == 1 else None

    recovering = voice_recovery_reported(recover, told.append)
    assert await recovering(Voice("v"), error, 1) is other
    assert await recovering(Voice("v"), error, 2) is None
    assert told == [ErrorOccurred(error)] * 2


@on_virtual_time
async def test_a_wait_that_is_given_up_tells_nothing() -> None:
    told: list[ErrorOccurred] = []
    waiting = asyncio.create_task(
        reported(asyncio.sleep(60), TritonUnavailable("Triton does not answer"), told.append)
    )
    await asyncio.sleep(TOLD_AFTER_S / 2)
    waiting.cancel()
    await asyncio.sleep(60)
    assert told == []
