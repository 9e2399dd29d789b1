"""A stock LiveKit client talks to the agent: captions, states, sound, text, RPCs."""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from livekit import rtc

from tests.livekit.guest import RATE, Guest
from tests.server.talk import clip, uh

Join = Callable[..., Awaitable[Guest]]


async def test_a_turn_is_heard_captioned_and_answered(join: Join) -> None:
    guest = await join(agent={"greeting": "Good morning."})
    began = await guest.ready()
    assert began["voice"] == "tone-fast"
    await guest.event("vdx.reply.ended")
    await guest.until(guest.final_captions, "the greeting's caption")
    assert guest.final_captions()[0][0] == "Good morning."

    mark = len(guest.events)
    await guest.say(clip("ps_cards_001", RATE), then_s=1.0)
    said = await guest.event("vdx.user.said", mark)
    ended = await guest.event("vdx.reply.ended", mark)
    turn = await guest.event("vdx.turn", mark)
    assert ended["status"] == "completed"
    assert ended["text"] == f"You said: {said['text']}"
    # A guest who subscribes later than the agent waits for (`SUBSCRIBED_S`) misses the greeting.
    await guest.until(lambda: guest.loud, "a reply is audible")
    assert set(turn["stages"]) >= {"endpoint", "first_audio"}

    await guest.until(lambda: len(guest.final_captions()) >= 3, "both sides' captions")
    by_segment = {c[1]["lk.segment_id"]: c for c in guest.final_captions()}
    mine, bots = by_segment[said["item_id"]], by_segment[ended["item_id"]]
    assert (mine[0], mine[2]) == (said["text"], guest.room.local_participant.identity)
    assert (bots[0], bots[2]) == (ended["text"], guest.agent)
    assert guest.publication is not None
    assert mine[1]["lk.transcribed_track_id"] == guest.publication.sid
    assert "vdx.interrupted" not in bots[1]
    await guest.until(lambda: guest.states[-1:] == ["listening"], "listening again")
    assert {"listening", "thinking", "speaking"} <= set(guest.states)
    assert guest.seen("vdx.vad")


async def test_captions_put_together_as_livekits_components_do(join: Join) -> None:
    guest = await join()
    await guest.ready()
    await guest.say(clip("ps_cards_001", RATE), then_s=1.0)
    said = await guest.event("vdx.user.said")
    ended = await guest.event("vdx.reply.ended")
    mine, bots = said["item_id"], ended["item_id"]
    await guest.until(lambda: len(guest.final_captions()) == 2, "both sides' captions")
    me = guest.room.local_participant.identity
    assert guest.transcripts == {mine: (me, said["text"]), bots: (guest.agent, ended["text"])}
    # The same for clients from before text streams.
    await guest.until(
        lambda: len(guest.packets) == 2 and all(each.final for each in guest.packets.values()),
        "both sides' packets",
    )
    assert {key: each.text for key, each in guest.packets.items()} == {
        mine: said["text"],
        bots: ended["text"],
    }


async def test_a_caption_grows_as_the_reply_is_heard(join: Join) -> None:
    guest = await join(agent={"profile": "long-uh"}, silent=True)
    await guest.ready()
    await guest.room.local_participant.send_text("go on", topic="lk.chat")
    await guest.until(lambda: len({text for _, text in guest.growth}) >= 2, "two clauses")
    # The second clause is shown when it begins to sound, and the third is not yet there.
    assert len(guest.seen("vdx.reply.clause")) <= 3
    assert not guest.seen("vdx.reply.ended")
    texts = [text for _, text in guest.growth]
    assert all(later.startswith(text) for text, later in itertools.pairwise(texts))
    assert len({segment for segment, _ in guest.growth}) == 1
    await guest.call("vdx.interrupt")


async def test_an_interruption_silences_and_is_told_to_the_word(join: Join) -> None:
    guest = await join(agent={"profile": "long-stop"})
    await guest.ready()
    await guest.room.local_participant.send_text("go on", topic="lk.chat")
    await guest.event("vdx.reply.clause")
    await guest.until(lambda: len(guest.loud) > 40, "the reply is audible")
    await guest.say(clip("ps_cards_001", RATE), then_s=0.5)
    assert await guest.event("vdx.playout.paused")
    ended = await guest.event("vdx.reply.ended")
    assert (ended["status"], ended["reason"]) == ("cancelled", "interrupted")
    caption = await guest.until(
        lambda: next((c for c in guest.final_captions() if "vdx.interrupted" in c[1]), None),
        "the caption is closed",
    )
    assert caption[1]["vdx.played_text"] == ended["text"]
    assert caption[0].startswith(ended["text"])
    assert len(ended["text"]) < len(caption[0])
    await guest.call("vdx.interrupt")  # the answer to the interruption


async def test_a_listening_sound_lets_the_reply_go_on(join: Join) -> None:
    guest = await join(agent={"profile": "long-uh"})
    await guest.ready()
    await guest.room.local_participant.send_text("go on", topic="lk.chat")
    await guest.until(lambda: len(guest.loud) > 40, "the reply is audible")
    await guest.say(uh(RATE), then_s=1.0)
    assert await guest.event("vdx.playout.paused")
    resumed = await guest.event("vdx.playout.resumed")
    heard = len(guest.loud)
    await guest.until(lambda: len(guest.loud) > heard + 40, "the reply goes on")
    ended = await guest.event("vdx.reply.ended")
    assert ended["status"] == "completed"
    assert ended["played_ms"] > resumed["played_ms"]


async def test_text_and_rpcs_control_the_conversation(join: Join) -> None:
    guest = await join(silent=True)
    await guest.ready()
    assert "reply" in await guest.call("vdx.say", json.dumps({"text": "These are my own words."}))
    ended = await guest.event("vdx.reply.ended")
    assert ended["text"] == "These are my own words."

    mark = len(guest.events)
    used = await guest.call("vdx.use_model", json.dumps({"model": "tone"}))
    assert used == {"model": "tone", "kind": "tts"}
    assert (await guest.event("vdx.session", mark))["voice"] == "tone"

    mark = len(guest.events)
    await guest.room.local_participant.send_text("hello by text", topic="lk.chat")
    assert await guest.event("vdx.reply.clause", mark)
    assert (await guest.call("vdx.interrupt"))["interrupted"] is True
    assert (await guest.event("vdx.reply.ended", mark))["reason"] == "client_cancelled"
    stats = await guest.call("vdx.stats")
    assert (stats["voice"], stats["recogniser"]) == ("tone", "canned")
    assert stats["state"] in ("waiting_for_input", "listening")


WRONG_RPCS = [
    ("vdx.say", '{"text": ""}', "payload.text"),
    ("vdx.say", "nonsense", "not JSON"),
    ("vdx.say", '{"text": ' + "9" * 5000 + "}", "digits"),
    ("vdx.use_model", '{"model": "tonne"}', "'tonne'"),
    ("vdx.stats", '{"verbose": true}', "payload.verbose"),
]


async def test_a_wrong_rpc_is_refused_by_name(join: Join) -> None:
    guest = await join(silent=True)
    await guest.ready()
    for method, payload, named in WRONG_RPCS:
        with pytest.raises(rtc.RpcError) as told:
            await guest.call(method, payload)
        assert named in told.value.message
        data: dict[str, Any] = json.loads(told.value.data or "{}")
        assert data["service"] == "request", method
        assert data["retryable"] is False, method


async def test_a_job_that_cannot_be_served_says_why(join: Join) -> None:
    guest = await join(agent={"voice": "nobody"}, silent=True)
    error = (await guest.event("vdx.error"))["error"]
    assert error["code"] == "not_found"
    assert "'nobody'" in error["message"]
    await guest.until(lambda: guest.chats, "said in the chat too")
    await guest.until(lambda: not guest.agent, "the agent leaves")
    await asyncio.sleep(0)
