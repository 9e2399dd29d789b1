"""Items and replies as clients of the protocol see them, with real sessions among fakes."""

import asyncio

import numpy as np
import pytest

from tests.unit.dialog.fakes import FakeResponder, Heard
from tests.unit.dialog.stage import Scene, answered, long_answer, quiet, scene
from tests.unit.speech.signals import vowel
from tests.unit.virtual_time import on_virtual_time
from vdx.core.config import Config, SessionConfig
from vdx.core.errors import SessionLimit
from vdx.core.events import SessionState
from vdx.dialog.history import Item
from vdx.dialog.input_clock import InputClock
from vdx.dialog.reply_request import ReplyRequest
from vdx.dialog.session_events import (
    ErrorOccurred,
    FinalTranscript,
    ItemsForgotten,
    ReplyDone,
    ReplyStarted,
    ReplyText,
    UserSilent,
    UtteranceEnded,
    UtteranceLeftOpen,
)

WRITTEN = ReplyRequest(text_only=True)


def texts(stage: Scene) -> list[tuple[str, str]]:
    return [(item.role, item.text) for item in stage.session.history]


@on_virtual_time
async def test_what_was_said_is_an_item_before_it_is_understood() -> None:
    async with scene(Heard("hello", pause="", delay_s=1.0), auto_reply=False) as stage:
        await stage.person_says()
        ended = await stage.transport.wait_for(UtteranceEnded)
        [item] = stage.session.history
        assert (item.id, item.text, item.spoken) == (ended.utterance.item_id, "", True)
        await stage.transport.wait_for(FinalTranscript)
        assert texts(stage) == [("user", "hello")]


@on_virtual_time
async def test_an_item_stays_of_which_nothing_is_understood() -> None:
    async with scene(Heard("")) as stage:
        await stage.person_says()
        await stage.transport.wait_for(FinalTranscript)
        assert texts(stage) == [("user", "")]
        assert stage.session.history.messages() == []


@on_virtual_time
async def test_an_item_that_is_deleted_before_its_transcript_does_not_come_back() -> None:
    async with scene(Heard("hello", pause="", delay_s=1.0), auto_reply=False) as stage:
        await stage.person_says()
        ended = await stage.transport.wait_for(UtteranceEnded)
        stage.session.history.delete(ended.utterance.item_id)
        await stage.transport.wait_for(FinalTranscript)
        assert texts(stage) == []


@on_virtual_time
async def test_turns_are_answered_in_the_order_they_were_said() -> None:
    """A word, 700 ms of silence and a word, appended at once: the first is understood last."""
    said = np.concatenate([vowel(400), quiet(700), vowel(400), quiet(900)])
    slow, fast = Heard("first", pause="", delay_s=1.0), Heard("second", pause="", delay_s=0.05)
    async with scene(slow, fast, fixed_silence=True) as stage:
        await stage.session.feed((said * 1.0).astype(np.int16).tobytes())
        await stage.transport.wait_for(ReplyDone)
        assert stage.responder.asked[-1][-1].text == "first second"


@on_virtual_time
async def test_a_reply_asked_for_in_mid_speech_waits_for_the_end_of_the_turn() -> None:
    async with scene(Heard("hello there"), auto_reply=False) as stage:
        await stage.hears(vowel(400))
        stage.session.request_reply()
        assert stage.session.reply_requested
        assert stage.session.active_reply is None
        await stage.hears(np.concatenate([vowel(1800), quiet(600)]))
        await stage.transport.wait_for(ReplyDone)
        assert [message.text for message in stage.responder.asked[0]] == ["hello there"]
        assert len(stage.responder.asked) == 1


@on_virtual_time
async def test_a_reply_that_waits_can_be_cancelled() -> None:
    async with scene(Heard("hello"), auto_reply=False) as stage:
        await stage.hears(vowel(400))
        stage.session.request_reply()
        stage.session.interrupt()
        await stage.quiet_for(1500)
        assert not stage.session.reply_requested
        assert stage.transport.all(ReplyStarted) == []


@on_virtual_time
async def test_instructions_of_a_reply_take_the_place_of_the_sessions() -> None:
    async with scene() as stage:
        stage.session.history.instructions = "Be long."
        stage.session.request_reply("Be brief.")
        await stage.transport.wait_for(ReplyDone)
        assert [message.text for message in stage.responder.asked[0]] == ["Be brief."]


@on_virtual_time
async def test_vad_switched_off_in_mid_speech_loses_nothing() -> None:
    async with scene(Heard("hello there")) as stage:
        await stage.hears(vowel(500))
        options = stage.session.options
        vad = options.vad.model_copy(update={"enabled": False})
        stage.session.update(options.updated(vad=vad, auto_reply=False, barge_in=False))
        left = await stage.transport.wait_for(UtteranceLeftOpen)
        await stage.hears(vowel(300))
        assert stage.session.commit() == left.utterance
        final = await stage.transport.wait_for(FinalTranscript)
        assert (final.utterance, final.text) == (left.utterance, "hello there")
        assert len(stage.recogniser.streams) == 1
        assert len(stage.recogniser.streams[0].received) >= 0.75 * 32_000


def test_silence_that_the_server_filled_in_is_no_audio_of_the_client() -> None:
    clock = InputClock()
    assert clock.ms(16_000) == 1000
    for at in range(16_000, 24_000, 320):
        clock.fill(at, 320)
    assert [clock.ms(at) for at in (15_680, 16_000, 20_000, 24_000, 32_000)] == [
        980,
        1000,
        1000,
        1000,
        1500,
    ]
    for start in (40_000, 60_000, 80_000):
        clock.fill(start, 8_000)
    assert clock.ms(96_000) == 6000 - 500 - 1500


@on_virtual_time
async def test_events_count_the_clients_audio_alone() -> None:
    async with scene(Heard("hello"), Heard("again"), auto_reply=False) as stage:
        await stage.hears(vowel(500))
        await asyncio.sleep(3)  # nothing is sent: the server fills in silence
        await stage.transport.wait_for(UtteranceEnded)
        await stage.hears(np.concatenate([quiet(500), vowel(500), quiet(600)]))
        ended = await stage.transport.wait_for(UtteranceEnded, 2)
        assert ended.at_ms <= 200 + 500 + 500 + 500 + 100


# --- replies of another kind --------------------------------------------------------------------


@on_virtual_time
async def test_a_written_reply_comes_as_it_is_made() -> None:
    responder = FakeResponder(default=("One ", 0.5, "two."))
    async with scene(Heard("hello"), responder=responder, text_only=True) as stage:
        await stage.person_says()
        done = await stage.transport.wait_for(ReplyDone)
        assert [piece.text for piece in stage.transport.all(ReplyText)] == ["One ", "two."]
        assert (done.text, done.status, done.played_ms) == ("One two.", "completed", 0)
        assert stage.transport.rows == []
        assert stage.voice.requests == []
        assert texts(stage) == [("user", "hello"), ("assistant", "One two.")]
        assert stage.transport.all(ReplyStarted)[0].own.text_only


@on_virtual_time
async def test_a_written_reply_is_cancelled_with_what_was_sent() -> None:
    responder = FakeResponder(default=("One ", 5.0, "two."))
    async with scene(responder=responder) as stage:
        stage.session.request_reply(own=WRITTEN)
        await stage.transport.wait_for(ReplyText)
        stage.session.interrupt()
        done = await stage.transport.wait_for(ReplyDone)
        assert (done.status, done.text) == ("cancelled", "One ")
        assert texts(stage) == [("assistant", "One ")]


@pytest.mark.parametrize("written", [True, False])
@on_virtual_time
async def test_a_reply_ends_at_its_most_tokens(written: bool) -> None:
    responder = FakeResponder(default=("One two ", "three four ", "five six."))
    async with scene(responder=responder) as stage:
        stage.session.request_reply(own=ReplyRequest(text_only=written, max_tokens=3))
        done = await stage.transport.wait_for(ReplyDone)
        assert done.status == "incomplete"
        assert done.error is None
        assert done.text.strip() == "One two thre"


@on_virtual_time
async def test_a_reply_beside_the_conversation_leaves_no_trace_in_it() -> None:
    async with scene(Heard("hello"), responder=long_answer()) as stage:
        await answered(stage)
        own = ReplyRequest(
            text_only=True,
            in_conversation=False,
            items=(Item("", "user", "Is this rude?"),),
            metadata={"for": "me"},
        )
        stage.session.out_of_band.start("Classify.", own)
        done = await stage.transport.wait_for(ReplyDone)
        assert (done.reply.number, done.status, done.text) == (-1, "completed", "".join(long()))
        assert [m.text for m in stage.responder.asked[-1]] == ["Classify.", "Is this rude?"]
        assert stage.state is SessionState.SPEAKING
        assert [item.role for item in stage.session.history] == ["user", "assistant"]


def long() -> tuple[str, ...]:
    return tuple(piece for piece in long_answer().default if isinstance(piece, str))


@on_virtual_time
async def test_replies_beside_the_conversation_are_bounded_and_end_with_the_session() -> None:
    async with scene(responder=FakeResponder(default=(60.0, "late"))) as stage:
        own = ReplyRequest(text_only=True, in_conversation=False)
        for _ in range(4):
            stage.session.out_of_band.start("", own)
        with pytest.raises(SessionLimit, match="beside"):
            stage.session.out_of_band.start("", own)
        first = stage.transport.all(ReplyStarted)[0].reply
        await asyncio.sleep(0.1)
        assert stage.session.out_of_band.cancel(first.response_id)
        assert not stage.session.out_of_band.cancel(first.response_id)
        assert stage.transport.statuses() == [(-1, "cancelled")]
        stage.session.out_of_band.start("", own)


@on_virtual_time
async def test_a_written_reply_that_is_cut_off_was_read() -> None:
    """However long it is written already: none of it sounds."""
    slow = FakeResponder(default=("One two three. ", 5.0, "Four five six."))
    heard = (Heard("tell me"), Heard("and you"), Heard())
    async with scene(*heard, responder=slow, text_only=True) as stage:
        await answered(stage)
        await stage.quiet_for(2000)
        await stage.person_says(900)
        await stage.transport.wait_for(ReplyDone)
        assert stage.transport.statuses() == [(1, "cancelled")]
        await stage.transport.wait_for(ReplyStarted, 2)
        assert stage.transport.all(ItemsForgotten) == []
        assert ("assistant", "One two three. ") in stage.said()


@on_virtual_time
async def test_no_reply_beside_the_conversation_begins_once_the_session_ends() -> None:
    async with scene(responder=FakeResponder(default=(60.0, "late"))) as stage:
        stage.session.close()
        with pytest.raises(SessionLimit, match="the session ends"):
            stage.session.out_of_band.start("", ReplyRequest(text_only=True))
        assert stage.transport.all(ReplyStarted) == []


@on_virtual_time
async def test_a_spoken_reply_beside_the_conversation_is_no_item() -> None:
    async with scene() as stage:
        stage.session.request_reply(own=ReplyRequest(in_conversation=False))
        done = await stage.transport.wait_for(ReplyDone)
        assert (done.status, done.text) == ("completed", "One two three. Four five six.")
        assert texts(stage) == []


@on_virtual_time
async def test_the_responder_goes_on_when_the_person_stays_silent() -> None:
    async with scene(Heard("hello"), nudge_after_ms=3000) as stage:
        await stage.person_says()
        await stage.transport.wait_for(ReplyDone)
        over = asyncio.get_running_loop().time()
        await stage.quiet_for(4000)
        [silent] = stage.transport.all(UserSilent)
        assert 2.9 < stage.transport.times(UserSilent)[0] - over < 3.2
        assert silent.end_ms - silent.start_ms == 3000
        await stage.transport.wait_for(ReplyDone, 2)
        assert [item.role for item in stage.session.history] == ["user", "assistant"] * 2


@on_virtual_time
async def test_nobody_is_kept_waiting_for_by_nudges_alone() -> None:
    limits = SessionConfig(idle_timeout_seconds=20)
    config = Config(session=limits)
    async with scene(Heard("hello"), config=config, nudge_after_ms=3000) as stage:
        await stage.person_says()
        async with asyncio.timeout(60):
            assert await stage.run == "idle_timeout"
        assert len(stage.transport.all(UserSilent)) > 1


@on_virtual_time
async def test_who_speaks_after_a_nudge_is_there() -> None:
    limits = SessionConfig(idle_timeout_seconds=20)
    config = Config(session=limits)
    async with scene(Heard("hello"), Heard("yes"), config=config, nudge_after_ms=9000) as stage:
        await stage.person_says()
        await stage.quiet_for(14_000)
        assert len(stage.transport.all(UserSilent)) == 1
        await stage.person_says()
        await stage.quiet_for(8_000)
        assert not stage.run.done()


@on_virtual_time
async def test_the_end_of_a_session_is_announced() -> None:
    limits = SessionConfig(max_messages_per_session=20, max_session_duration_seconds=100)
    async with scene(config=Config(session=limits)) as stage:
        for turn in range(1, 10):
            stage.session.type_text("hi")
            await stage.transport.wait_for(ReplyDone, turn)
        await asyncio.sleep(0.1)
        [told] = stage.transport.all(ErrorOccurred)
        assert "after 2 more messages" in told.error.message
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(1000.0 + 91 - now)
        assert "in 10 s" in stage.transport.all(ErrorOccurred)[1].error.message
