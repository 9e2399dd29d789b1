"""Keys of a telephone become what their user types."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit import rtc

from tests.unit.virtual_time import on_virtual_time
from vdx.core.config import LiveKitConfig
from vdx.transports.room.control import Controls
from vdx.transports.room.keypad import MOST, Keypad


class Typed:
    """What a keypad said."""

    def __init__(self, **config: object) -> None:
        self.inputs: list[str] = []
        self.begun = 0
        self.keypad = Keypad(LiveKitConfig.model_validate(config), self._begin, self.inputs.append)

    def _begin(self) -> None:
        self.begun += 1

    def press(self, keys: str) -> None:
        for key in keys:
            self.keypad.press(key)


@on_virtual_time
async def test_an_input_ends_with_its_key() -> None:
    typed = Typed()
    typed.press("1234#")
    assert (typed.inputs, typed.begun) == (["1234"], 1)
    typed.press("#")
    assert (typed.inputs, typed.begun) == (["1234", "#"], 2)
    await asyncio.sleep(60)
    assert len(typed.inputs) == 2


@on_virtual_time
async def test_an_input_ends_with_a_pause() -> None:
    typed = Typed(dtmf_pause_ms=1000)
    typed.press("1")
    await asyncio.sleep(0.9)
    typed.press("2")
    await asyncio.sleep(0.9)
    assert typed.inputs == []
    await asyncio.sleep(0.2)
    assert (typed.inputs, typed.begun) == (["12"], 1)


@on_virtual_time
async def test_without_an_end_key_only_a_pause_ends_it() -> None:
    typed = Typed(dtmf_end_key="")
    typed.press("*12#")
    assert typed.inputs == []
    await asyncio.sleep(3)
    assert typed.inputs == ["*12#"]


@on_virtual_time
async def test_no_input_is_endless_and_what_is_no_key_is_left_out() -> None:
    typed = Typed()
    typed.press("1" * (MOST + 3) + "xé ")
    assert typed.inputs == ["1" * MOST]
    await asyncio.sleep(3)
    assert typed.inputs == ["1" * MOST, "111"]


def test_the_end_key_is_one_of_a_telephone() -> None:
    for key in ("##", "E", "1\n"):
        with pytest.raises(ValueError, match="dtmf_end_key"):
            LiveKitConfig.model_validate({"dtmf_end_key": key})


@on_virtual_time
async def test_keys_of_the_user_before_are_no_part_of_the_next_ones_input() -> None:
    typed: list[tuple[str, str]] = []

    def session(name: str) -> Any:
        return SimpleNamespace(
            interrupt=lambda: typed.append((name, "interrupted")),
            type_text=lambda keys: typed.append((name, keys)),
        )

    user = SimpleNamespace(identity="caller")
    async with asyncio.TaskGroup() as tasks:
        controls = Controls(cast(Any, None), lambda: "caller", tasks, LiveKitConfig())
        controls.presenter = cast(Any, SimpleNamespace(event=lambda *_, **__: None))
        for name in ("first", "second"):
            controls.session = session(name)
            controls._key(rtc.SipDTMF(code=1, digit="1", participant=cast(Any, user)))
            await asyncio.sleep(0.1)
        await asyncio.sleep(5)
    assert typed == [("first", "interrupted"), ("second", "interrupted"), ("second", "1")]
