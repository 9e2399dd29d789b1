"""A caller on the telephone: a participant of the kind SIP, as LiveKit's SIP service makes one."""

import json
from typing import Any

import soxr
from livekit import api, rtc

from tests.livekit.guest import RATE, Guest
from tests.server.processes import Vdx
from tests.server.talk import clip
from vdx.serving.livekit import DevelopmentLiveKit

NUMBER = "+15105550100"
TELEPHONE_RATE = 8_000


def call_of(livekit: DevelopmentLiveKit, name: str, **wishes: str) -> dict[str, Any]:
    """A caller's token, in a room that is named as LiveKit's dispatch rules name it."""
    dispatch = api.RoomAgentDispatch(agent_name="vdx", metadata=json.dumps(wishes))
    room = f"call-_{NUMBER}_{name}"
    token = (
        api.AccessToken(livekit.api_key, livekit.api_secret)
        .with_identity(f"sip_{NUMBER}")
        .with_kind("sip")
        .with_attributes({"sip.phoneNumber": NUMBER, "sip.callID": f"SCL_{name}"})
        .with_grants(api.VideoGrants(room_join=True, room=room))
        .with_room_config(api.RoomConfiguration(agents=[dispatch]))
    )
    return {"server_url": livekit.url, "participant_token": token.to_jwt()}


async def press(guest: Guest, keys: str) -> None:
    for key in keys:
        code = 11 if key == "#" else int(key)
        await guest.room.local_participant.publish_dtmf(code=code, digit=key)


async def test_a_caller_is_heard_and_types_with_the_keys(
    worker: Vdx, livekit: DevelopmentLiveKit
) -> None:
    worker.url()
    async with Guest.joined("", call_of(livekit, "keys")) as guest:
        assert (await guest.ready())["person"] == f"sip_{NUMBER}"
        wide = clip("ps_cards_001", RATE)
        narrow = soxr.resample(wide, RATE, TELEPHONE_RATE)
        await guest.say(soxr.resample(narrow, TELEPHONE_RATE, RATE), then_s=1.0)
        said = await guest.event("vdx.user.said")
        ended = await guest.event("vdx.reply.ended")
        assert ended["text"] == f"You said: {said['text']}"
        mark = len(guest.events)
        await press(guest, "42#")
        assert (await guest.event("vdx.user.keys", mark))["keys"] == "42"
        assert (await guest.event("vdx.reply.ended", mark))["text"] == "You said: 42"
        mark = len(guest.events)
        await press(guest, "7")  # and no more: the pause ends it
        assert (await guest.event("vdx.user.keys", mark))["keys"] == "7"
    assert "SCL_keys" in worker.output
    assert NUMBER not in worker.output


async def test_a_key_ends_the_reply_that_plays(worker: Vdx, livekit: DevelopmentLiveKit) -> None:
    worker.url()
    async with Guest.joined("", call_of(livekit, "stop", profile="long-uh")) as guest:
        await guest.ready()
        await guest.room.local_participant.send_text("go on", topic="lk.chat")
        await guest.event("vdx.reply.clause")
        await press(guest, "1")
        ended = await guest.event("vdx.reply.ended")
        assert (ended["status"], ended["reason"]) == ("cancelled", "client_cancelled")


async def test_the_agent_hangs_up(worker: Vdx, livekit: DevelopmentLiveKit) -> None:
    worker.url()
    removed: list[int] = []
    async with Guest.joined("", call_of(livekit, "end", profile="ending")) as guest:
        guest.room.on("disconnected", removed.append)
        await guest.ready()
        await guest.room.local_participant.send_text("goodbye", topic="lk.chat")
        assert (await guest.event("vdx.reply.ended"))["text"] == "Goodbye."
        await guest.until(lambda: guest.gone, "the call is over")
        assert [each["reason"] for each in guest.seen("vdx.session.ended")] == ["call_ended"]
    assert removed == [rtc.DisconnectReason.PARTICIPANT_REMOVED]


async def test_one_who_is_refused_is_not_left_in_the_room(
    worker: Vdx, livekit: DevelopmentLiveKit
) -> None:
    worker.url()
    async with Guest.joined("", call_of(livekit, "refused", profile="nosuch")) as guest:
        await guest.until(lambda: guest.gone, "the call is over")
        assert not guest.seen("vdx.session")
        (refusal,) = guest.seen("vdx.error")
        assert "nosuch" in refusal["error"]["message"]
