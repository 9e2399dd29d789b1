"""Tags of sounds that a language model writes: heard, shown and kept alike."""

from tests.unit.dialog.fakes import FakeResponder
from tests.unit.dialog.stage import scene
from tests.unit.virtual_time import on_virtual_time
from vdx.dialog.session_events import ReplyClause, ReplyDone

WRITTEN = ["[la", "ughs] Of course. ", "That is <sigh> all [sighs]."]


@on_virtual_time
async def test_a_sound_that_the_voice_does_not_make_is_neither_spoken_nor_shown() -> None:
    async with scene(responder=FakeResponder(default=WRITTEN)) as stage:
        stage.session.type_text("Really?")
        done = await stage.transport.wait_for(ReplyDone)
        assert " ".join(text for _, text in stage.voice.requests) == "Of course. That is all."
        shown = "".join(each.text for each in stage.transport.all(ReplyClause))
        assert shown == done.text == "Of course. That is all."
        assert stage.said()[-1] == ("assistant", "Of course. That is all.")


@on_virtual_time
async def test_a_sound_that_the_voice_makes_is_spoken_and_shown() -> None:
    sounds = frozenset({"[laughter]"})
    async with scene(responder=FakeResponder(default=WRITTEN), sounds=sounds) as stage:
        stage.session.type_text("Really?")
        done = await stage.transport.wait_for(ReplyDone)
        spoken = " ".join(text for _, text in stage.voice.requests)
        assert spoken == done.text == "[laughter] Of course. That is all."


@on_virtual_time
async def test_a_written_reply_keeps_them() -> None:
    async with scene(responder=FakeResponder(default=WRITTEN), text_only=True) as stage:
        stage.session.type_text("Really?")
        done = await stage.transport.wait_for(ReplyDone)
        assert done.text == "".join(WRITTEN)
