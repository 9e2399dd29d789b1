"""What a person in a room may ask of the conversation."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit import rtc

from tests.unit.test_app import hosted, opened
from vdx.dialog.profiles import SessionOptions
from vdx.transports.room.control import Controls

Method = Callable[[Any], Awaitable[str]]


class Room:
    """Keeps the methods that are registered at it."""

    def __init__(self) -> None:
        self.methods: dict[str, Method] = {}
        self.local_participant = SimpleNamespace(register_rpc_method=self.methods.__setitem__)

    def register_text_stream_handler(self, _topic: str, _handler: object) -> None:
        pass

    def on(self, _event: str, _handler: object) -> None:
        pass

    async def call(self, name: str, payload: object) -> Any:
        call = SimpleNamespace(caller_identity="person", payload=json.dumps(payload))
        return json.loads(await self.methods[name](call))


async def test_the_settings_of_a_conversation_are_changed_as_over_the_websocket() -> None:
    _, host = hosted(profiles={"vdx": {}, "demo": {"responder": {"kind": "script"}}})
    await host.profiles.find()
    room, told = Room(), []
    async with asyncio.TaskGroup() as tasks:
        controls = Controls(host, lambda: "person", tasks, host.config.livekit)
        controls.register(cast(Any, room))
        controls.session = session = opened(host)
        controls.presenter = cast(Any, SimpleNamespace(send_session=lambda: told.append(1)))
        usual = session.options.endpointing.finished_ms
        changes: dict[str, Any] = {"instructions": "Be brief.", "vdx": {"pause_scale": 2}}
        await room.call("vdx.update_session", {"session": changes})
        changes = {"vdx": {"pause_scale": 0.5, "responder": "demo"}}
        answer = await room.call("vdx.update_session", {"session": changes})
        with pytest.raises(rtc.RpcError, match="nosuch") as refused:
            await room.call("vdx.update_session", {"session": {"vdx": {"nosuch": 1}}})
        assert json.loads(refused.value.data or "")["param"] == "session.vdx.nosuch"
    assert session.options.instructions == "Be brief."
    assert session.options.endpointing.finished_ms == usual / 2
    assert session.options.responder.kind == "script"
    assert answer["session"]["vdx"]["responder"] == "demo"
    assert len(told) == 2


async def test_what_changes_while_a_setting_waits_for_a_model_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As when a tool hands over, or the person goes over to another language."""
    _, host = hosted()
    await host.profiles.find()
    room, require = Room(), host.models.require
    async with asyncio.TaskGroup() as tasks:
        controls = Controls(host, lambda: "person", tasks, host.config.livekit)
        controls.register(cast(Any, room))
        controls.session = session = opened(host)
        controls.presenter = cast(Any, SimpleNamespace(send_session=lambda: None))

        async def meanwhile(options: SessionOptions) -> SessionOptions:
            if session.options.language != "en-GB":
                session.update(session.options.updated(language="en-GB"))
            return await require(options)

        monkeypatch.setattr(host.models, "require", meanwhile)
        await room.call("vdx.update_session", {"session": {"instructions": "Be brief."}})
    assert (session.options.instructions, session.options.language) == ("Be brief.", "en-GB")
