"""A client that reads nothing of what was written to it."""

import asyncio

import pytest

from tests.wait_limit import WAIT_LIMIT_S
from vdx.transports import unread
from vdx.transports.unread import UnreadTimer

PERIOD_S = 0.02


class Transport:
    """A write buffer of `sizes`, one each time it is looked at; the last one stays."""

    def __init__(self, *sizes: int) -> None:
        self._sizes = list(sizes)
        self.looked = asyncio.Event()
        self.aborted = asyncio.Event()

    def get_write_buffer_size(self) -> int:
        size = self._sizes.pop(0) if len(self._sizes) > 1 else self._sizes[0]
        if len(self._sizes) == 1:
            self.looked.set()
        return size

    def abort(self) -> None:
        self.aborted.set()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unread, "UNREAD_S", PERIOD_S)


async def test_a_client_that_reads_nothing_loses_its_connection() -> None:
    transport = Transport(70_000, 70_000)
    UnreadTimer(asyncio.get_running_loop(), transport).arm()
    async with asyncio.timeout(WAIT_LIMIT_S):
        await transport.aborted.wait()


async def test_a_client_that_reads_slowly_keeps_it() -> None:
    # Looked at when armed, when the time is over, and when armed anew.
    transport = Transport(70_000, 60_000, 60_000, 50_000, 50_000, 0)
    UnreadTimer(asyncio.get_running_loop(), transport).arm()
    async with asyncio.timeout(WAIT_LIMIT_S):
        await transport.looked.wait()
    assert not transport.aborted.is_set()


async def test_a_client_that_has_read_is_not_measured() -> None:
    transport = Transport(70_000, 70_000)
    timer = UnreadTimer(asyncio.get_running_loop(), transport)
    timer.arm()
    timer.cancel()
    await asyncio.sleep(3 * PERIOD_S)
    assert not transport.aborted.is_set()
