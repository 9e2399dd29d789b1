"""One linked person: others are told, who leaves finds the conversation again."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from livekit import api, rtc

from tests.livekit.guest import RATE, Guest
from tests.server.talk import clip
from vdx.serving.livekit import DevelopmentLiveKit

Join = Callable[..., Awaitable[Guest]]


async def test_a_second_person_is_told_and_not_heard(join: Join) -> None:
    first = await join(room_name="two", participant_identity="first")
    began = await first.ready()
    assert began["person"] == "person-first"
    second = await join(room_name="two", participant_identity="second")
    assert "somebody else" in (await second.event("vdx.spectator"))["message"]
    await second.until(lambda: second.chats, "told in the chat too")
    mark = len(first.events)
    await second.say(clip("ps_cards_001", RATE), then_s=1.0)
    with pytest.raises(rtc.RpcError, match="somebody else"):
        await second.call("vdx.interrupt")
    await second.room.local_participant.send_text("me too", topic="lk.chat")
    await asyncio.sleep(1.0)
    assert not first.seen("vdx.user.started", mark)
    assert not first.seen("vdx.reply.started", mark)
    await first.say(clip("ps_cards_001", RATE), then_s=1.0)
    assert await first.event("vdx.reply.clause", mark)


async def test_who_comes_back_in_time_finds_the_conversation(join: Join) -> None:
    guest = await join(room_name="back", participant_identity="mira", silent=True)
    session = (await guest.ready())["session"]
    await guest.room.local_participant.send_text("remember me", topic="lk.chat")
    await guest.event("vdx.reply.ended")
    await guest.leave()
    again = await join(room_name="back", participant_identity="mira")
    await again.until(lambda: again.agent, "the agent is still there")
    stats = await again.call("vdx.stats")
    assert stats["session"] == session
    assert stats["messages"] == 2
    await again.say(clip("ps_cards_001", RATE), then_s=1.0)
    assert await again.event("vdx.reply.clause")


async def test_the_next_person_gets_a_conversation_of_their_own(join: Join) -> None:
    first = await join(room_name="next", participant_identity="one", silent=True)
    session = (await first.ready())["session"]
    second = await join(room_name="next", participant_identity="two", silent=True)
    await second.event("vdx.spectator")
    await first.leave()
    began = await second.until(
        lambda: [e for e in second.seen("vdx.session") if e["person"] == "person-two"], "linked"
    )
    assert began[0]["session"] != session
    assert (await second.call("vdx.stats"))["messages"] == 0


async def test_of_two_agents_in_a_room_one_stays(join: Join, livekit: DevelopmentLiveKit) -> None:
    guest = await join(room_name="twins", silent=True)
    await guest.ready()
    keys = (livekit.api_key, livekit.api_secret)
    async with api.LiveKitAPI(livekit.url.replace("ws", "http", 1), *keys) as admin:
        wanted = api.CreateAgentDispatchRequest(agent_name="vdx", room="twins")
        await admin.agent_dispatch.create_dispatch(wanted)
    first = guest.agent
    agents: set[str] = {first}
    kind = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT

    def seen_both_and_one_left() -> bool:
        here = {p.identity for p in guest.room.remote_participants.values() if p.kind == kind}
        agents.update(here)
        return len(agents) == 2 and len(here) == 1

    await guest.until(seen_both_and_one_left, "the other agent leaves")
    assert guest.agent == min(agents)
    await guest.until(lambda: len(guest.seen("vdx.session")) == 1 + (guest.agent != first), "on")
    assert (await guest.call("vdx.stats"))["state"] in ("idle", "waiting_for_input")


async def test_tracks_may_be_muted_and_unpublished(join: Join) -> None:
    guest = await join()
    await guest.ready()
    assert guest.track is not None
    assert guest.publication is not None
    speech = clip("ps_cards_001", RATE)
    await guest.say(speech[: speech.size // 2])
    guest.track.mute()  # in mid-word: what was said is a turn all the same
    await guest.event("vdx.user.said")
    await guest.event("vdx.reply.ended")
    guest.track.unmute()
    mark = len(guest.events)
    await guest.say(speech, then_s=1.0)
    await guest.event("vdx.reply.ended", mark)
    await guest.room.local_participant.unpublish_track(guest.publication.sid)
    mark = len(guest.events)
    await guest.publish()
    await guest.settle()
    await guest.say(speech, then_s=1.0)
    assert (await guest.event("vdx.reply.ended", mark))["status"] == "completed"
