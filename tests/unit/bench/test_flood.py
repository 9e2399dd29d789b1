"""Requests with wrong keys, while the server does not take connections."""

import asyncio
from collections import Counter
from typing import NoReturn

import pytest

from vdx.bench import flood


async def test_a_server_that_refuses_connections_is_not_asked_without_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = 0

    async def refused(*_: object) -> NoReturn:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        raise ConnectionRefusedError

    monkeypatch.setattr(flood.asyncio, "open_connection", refused)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await flood._send("127.0.0.1", 1, 100.0, 0, Counter())
    assert 1 <= asked < 10
