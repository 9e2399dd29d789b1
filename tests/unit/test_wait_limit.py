"""What tests wait with: the first truthy look, and no limit that a stopped machine uses up."""

import asyncio
import time

import pytest

from tests import wait_limit
from tests.server import processes
from tests.server.processes import eventually
from tests.unit.virtual_time import on_virtual_time
from tests.wait_limit import SLICE_S, until_true


@on_virtual_time
async def test_what_happens_late_is_found_and_what_never_does_is_not() -> None:
    changed, seen = asyncio.Event(), list[str]()
    asyncio.get_running_loop().call_later(3 * SLICE_S, seen.append, "here")
    asyncio.get_running_loop().call_later(3 * SLICE_S, changed.set)
    assert await until_true(lambda: seen, changed) == ["here"]
    began = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError):
        await until_true(lambda: None, changed, 4 * SLICE_S)
    assert asyncio.get_running_loop().time() - began == pytest.approx(4 * SLICE_S)


async def test_a_stopped_process_uses_up_one_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait_limit, "SLICE_S", 0.1)
    changed, seen = asyncio.Event(), list[str]()

    def stopped() -> None:
        time.sleep(0.5)
        asyncio.get_running_loop().call_later(0.02, seen.append, "here")
        asyncio.get_running_loop().call_later(0.02, changed.set)

    asyncio.get_running_loop().call_soon(stopped)
    assert await until_true(lambda: seen, changed, 0.4) == ["here"]


def test_a_look_that_takes_long_uses_up_one_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "SLICE_S", 0.1)
    looks = iter((0.5, 0.0))

    def happened() -> bool:
        time.sleep(pause := next(looks))
        return not pause

    assert eventually(happened, "the second look", 0.4)
    with pytest.raises(AssertionError, match=r"nothing: not within 0\.1 s"):
        eventually(lambda: None, "nothing", 0.1)
