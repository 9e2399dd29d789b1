"""A model that is busy is asked again, by one rule."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from itertools import repeat

import pytest

from tests.unit.virtual_time import on_virtual_time
from vdx.core.errors import ModelBusy, ModelFailed
from vdx.serving.busy_retry import BUSY_DELAYS_S, when_free


class Model:
    """Busy for some requests, then answers with two values."""

    def __init__(self, *, busy: int, after: int = 0, error: type[Exception] = ModelBusy) -> None:
        self.asked = 0
        self.closed = 0
        self._busy, self._after, self._error = busy, after, error

    async def ask(self) -> AsyncGenerator[int, None]:
        self.asked += 1
        try:
            for number in range(2):
                if self.asked <= self._busy and number == self._after:
                    raise self._error("busy")
                yield number
        finally:
            self.closed += 1


@on_virtual_time
async def test_a_busy_model_is_asked_until_it_is_free() -> None:
    model = Model(busy=len(BUSY_DELAYS_S))
    assert [each async for each in when_free(model.ask)] == [0, 1]
    assert model.asked == model.closed == len(BUSY_DELAYS_S) + 1


@on_virtual_time
async def test_one_that_stays_busy_is_given_up() -> None:
    model = Model(busy=100)
    with pytest.raises(ModelBusy):
        await anext(when_free(model.ask))
    assert model.asked == len(BUSY_DELAYS_S) + 1


@on_virtual_time
async def test_what_has_begun_is_not_asked_for_again() -> None:
    model = Model(busy=1, after=1)
    with pytest.raises(ModelBusy):
        _ = [each async for each in when_free(model.ask)]
    assert model.asked == 1


@on_virtual_time
async def test_another_error_is_told_at_once() -> None:
    model = Model(busy=1, error=ModelFailed)
    with pytest.raises(ModelFailed):
        await anext(when_free(model.ask))
    assert model.asked == 1


@on_virtual_time
async def test_delays_may_have_no_end() -> None:
    model = Model(busy=50)
    assert [each async for each in when_free(model.ask, repeat(0.2))] == [0, 1]


@on_virtual_time
async def test_leaving_closes_the_stream() -> None:
    model = Model(busy=0)
    async with aclosing(when_free(model.ask)) as answer:
        assert await anext(answer) == 0
    assert model.closed == 1
