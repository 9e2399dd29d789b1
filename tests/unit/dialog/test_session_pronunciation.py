"""A profile's pronunciation in a session: heard, and seen nowhere."""

import asyncio

from tests.unit.dialog.fakes import FakeResponder, Heard
from tests.unit.dialog.stage import quiet, scene
from tests.unit.virtual_time import on_virtual_time
from vdx.core.config import Config, ProfileConfig
from vdx.core.events import SessionState
from vdx.dialog.session_events import FinalTranscript, ReplyClause, ReplyDone

WRITTEN = "We use nginx, Nguyen."
LEXICON = {"nginx": "engine x", "Nguyen": "/wɪn/", "hello": "goodbye"}
CONFIG = Config(profiles={"vdx": ProfileConfig(pronunciation=LEXICON)})


@on_virtual_time
async def test_only_what_is_spoken_is_changed() -> None:
    responder = FakeResponder(default=[WRITTEN])
    async with scene(Heard("hello nginx"), responder=responder, config=CONFIG) as stage:
        await stage.person_says()
        await stage.transport.wait_for(ReplyDone)
        spoken = " ".join(text for _, text in stage.voice.requests)
        assert spoken == "We use engine x, Nguyen."  # this voice takes no phonemes
        assert stage.said() == [("user", "hello nginx"), ("assistant", WRITTEN)]
        assert stage.transport.all(FinalTranscript)[-1].text == "hello nginx"
        assert "".join(each.text for each in stage.transport.all(ReplyClause)) == WRITTEN
        assert responder.asked[-1][-1].text == "hello nginx"


@on_virtual_time
async def test_a_voice_that_takes_phonemes_is_given_them() -> None:
    responder = FakeResponder(default=[WRITTEN])
    async with scene(responder=responder, config=CONFIG, calibrated=True) as stage:
        stage.session.type_text("What?")
        done = await stage.transport.wait_for(ReplyDone)
        assert "[[wɪn]]." in " ".join(text for _, text in stage.voice.requests)
        assert done.text == WRITTEN


@on_virtual_time
async def test_what_was_heard_of_a_reply_ends_with_a_written_word() -> None:
    responder = FakeResponder(default=["We use nginx here and nginx there and so on."])
    async with scene(Heard("stop it"), responder=responder, config=CONFIG) as stage:
        stage.session.type_text("What?")
        await stage.until(SessionState.SPEAKING)
        await stage.hears(quiet(900))
        stage.session.interrupt()
        done = await stage.transport.wait_for(ReplyDone)
        await asyncio.sleep(0)
        assert done.text == "We use nginx"
