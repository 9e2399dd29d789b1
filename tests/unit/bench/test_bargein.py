"""How long one listens to a reply that was interrupted."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.virtual_time import on_virtual_time
from vdx.bench import bargein
from vdx.bench.bench_client import BenchClient
from vdx.client.log import ConversationLog, Reply


class Client:
    """Waits as the clients do; its log is fed by the test."""

    def __init__(self) -> None:
        self.log = ConversationLog()

    async def wait_for(self, happened: Callable[[], bool], seconds: float) -> None:
        async with asyncio.timeout(seconds):
            while not happened():  # noqa: ASYNC110 - the log tells nobody that it changed
                await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("over_s", "answer_s", "listened_s"),
    [(0.2, 1.0, 2.0), (None, 1.0, 7.0), (0.2, None, 7.0), (0.2, 6.5, 7.0), (3.0, 1.0, 4.0)],
    ids=["interrupted", "not interrupted", "no answer", "a late answer", "interrupted late"],
)
@on_virtual_time
async def test_one_listens_no_longer_than_the_reply_can_be_heard(
    monkeypatch: pytest.MonkeyPatch,
    over_s: float | None,
    answer_s: float | None,
    listened_s: float,
) -> None:
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(bargein.time, "monotonic", loop.time)
    client: Any = Client()
    reply = client.log.replies["r1"] = Reply("r1", 0.0)

    async def happen(seconds: float | None, what: Callable[[], None]) -> None:
        if seconds is not None:
            await asyncio.sleep(seconds)
            what()

    def end() -> None:
        reply.done = loop.time()

    def answer() -> None:
        client.log.replies["r2"] = Reply("r2", loop.time(), first_audio=loop.time())

    began = loop.time()
    async with asyncio.TaskGroup() as group:
        group.create_task(happen(over_s, end))
        group.create_task(happen(answer_s, answer))
        user = BenchClient(client, client)
        await bargein._listen(user, reply, 1, began + bargein.LISTEN_S)
        assert loop.time() - began == pytest.approx(listened_s, abs=0.05)
