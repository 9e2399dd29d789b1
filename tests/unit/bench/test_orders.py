"""Spoken orders: at the rate of the telephone too, and what rooms do not take."""

import asyncio

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
        asyncio.run(orders.measure(target, 1, 1, hot_words=True))
