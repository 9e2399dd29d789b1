"""A call is ended once the caller has got everything, and not a moment later than agreed."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit import rtc

from tests.unit.virtual_time import on_virtual_time
from vdx.app import Application
from vdx.core.config import Config
from vdx.transports.room import conversation
from vdx.transports.room.conversation import RoomConversation, Ticket
from vdx.transports.room.output_lead import OutputLead
from vdx.transports.room.telephone import DELIVERED_S, delivered

CALLER = "sip_+15105550100"


class Me:
    """The agent's participant: its call is answered after `answer_s`, with this error."""

    def __init__(self, answer_s: float, error: rtc.RpcError | None = None) -> None:
        self._answer_s = answer_s
        self._error = error
        self.asked: list[str] = []

    async def perform_rpc(self, *, destination_identity: str, **_: Any) -> str:
        self.asked.append(destination_identity)
        await asyncio.sleep(self._answer_s)
        if self._error is not None:
            raise self._error
        return ""


@on_virtual_time
async def test_an_answer_to_a_later_message_says_that_the_earlier_ones_came() -> None:
    unknown = rtc.RpcError(rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD, "no such method")
    started = asyncio.get_running_loop().time()
    me = Me(0.3, unknown)
    await delivered(cast(rtc.LocalParticipant, me), CALLER)
    assert asyncio.get_running_loop().time() - started == pytest.approx(0.3)
    assert me.asked == [CALLER]


@on_virtual_time
async def test_a_client_that_answers_nothing_is_not_waited_for_for_ever() -> None:
    started = asyncio.get_running_loop().time()
    await delivered(cast(rtc.LocalParticipant, Me(60)), CALLER)
    assert asyncio.get_running_loop().time() - started == pytest.approx(DELIVERED_S)


@pytest.mark.parametrize(("kind", "leaves"), [("SIP", False), ("SIP", True), ("STANDARD", False)])
async def test_a_user_hears_and_gets_everything_before_the_call_ends(
    monkeypatch: pytest.MonkeyPatch, kind: str, *, leaves: bool
) -> None:
    done: list[str] = []
    monkeypatch.setattr(conversation.rtc, "Room", lambda: SimpleNamespace(on=None))
    monkeypatch.setattr(conversation, "AudioOutput", lambda _lead: SimpleNamespace())
    host = cast(Application, SimpleNamespace(config=Config()))
    talk: Any = RoomConversation(host, Ticket("", "", "call"), "", OutputLead(20, 80))
    caller = SimpleNamespace(
        kind=getattr(rtc.ParticipantKind, f"PARTICIPANT_KIND_{kind}"), identity=CALLER
    )

    def step(name: str) -> Any:
        async def work(*_: Any) -> None:
            await asyncio.sleep(0)
            done.append(name)
            if leaves:
                talk._participants.user = None

        return work

    talk._participants = SimpleNamespace(user=caller, over=False)
    talk._room = SimpleNamespace(local_participant=None)
    talk._audio_output = SimpleNamespace(played_out=step("heard"))
    talk._outbox = SimpleNamespace(flush=step("sent"))
    monkeypatch.setattr(conversation, "delivered", step("delivered"))
    monkeypatch.setattr(conversation, "hang_up", step("hung up"))
    await talk._part()
    ends = kind == "SIP" and not leaves
    assert done == ["heard", "sent", "delivered", *(["hung up"] if ends else [])]
