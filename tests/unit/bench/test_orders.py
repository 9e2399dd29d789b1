"""Spoken orders: at the rate of the telephone too, what rooms do not take, and time that is up."""

import asyncio
from typing import Any

import pytest

from vdx.bench import orders
from vdx.bench.target import Target
from vdx.core.errors import InvalidInput


@pytest.mark.parametrize("pause_ms", orders.KINDS.values(), ids=orders.KINDS)
def test_an_order_lasts_as_long_at_every_rate(pause_ms: int) -> None:
    (name,) = orders.chosen(1)
    narrow, wide = (orders.order(name, pause_ms, rate) for rate in (8_000, 24_000))
    assert (narrow.rate, wide.rate) == (8_000, 24_000)
    assert narrow.pcm.size / 8_000 == pytest.approx(wide.pcm.size / 24_000, abs=0.05)


def test_words_to_expect_are_refused_in_rooms() -> None:
    target = Target("http://127.0.0.1:1", livekit=True)
    with pytest.raises(InvalidInput, match="--hot-words"):
        asyncio.run(orders.measure(target, orders.Orders(1, hot_words=True)))


class Quiet(Target):
    """A server that nobody asks anything."""

    async def status(self) -> dict[str, Any]:
        return {"voice": "tone", "recogniser": "canned"}


async def test_nothing_is_begun_once_the_time_is_up() -> None:
    plan = Quiet("http://127.0.0.1:1").plan(
        orders=orders.chosen(2), kinds=["as recorded"], sessions=1, hot_words=False, minutes=1e-9
    )
    assert await orders.run_users(plan, lambda: None) == []


async def test_what_was_said_in_time_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    (first, *_) = names = orders.chosen(3)
    said = {"order": first, "kind": "with a pause", "cut_off": True, "mended": True}
    said |= {"gap_ms": 250.0, "talked_over_ms": 40.0, "slots": {"size": True, "roast": False}}

    async def child(module: str, plan: dict[str, Any], step: object) -> list[dict[str, Any]]:
        assert (module, plan["orders"], plan["kinds"]) == ("orders", names, ["with a pause"])
        return [said]

    monkeypatch.setattr(orders, "run_client_process", child)
    wanted = orders.Orders(3, kinds=["with a pause"], minutes=0.5)
    report = await orders.measure(Quiet("http://127.0.0.1:1"), wanted)
    values = {figure.name: figure.values for figure in report.figures}
    assert values["cut off, with a pause"] == [100.0]
    assert values["slots heard right, with a pause"] == [50.0]
    assert "2 orders were not begun within 0.5 minutes" in report.notes
