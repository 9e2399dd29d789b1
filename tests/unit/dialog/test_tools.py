"""Tool calls in a session: the client's and the server's, their history, and barge-in over them."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

import pytest

from tests.unit.dialog.fakes import FakeResponder, Heard
from tests.unit.dialog.stage import Scene, scene
from tests.unit.virtual_time import on_virtual_time
from vdx.core.config import ToolsConfig
from vdx.core.errors import InvalidInput, ToolFailed
from vdx.core.events import Message, SessionState
from vdx.core.tools import CallPiece, ToolCall, ToolOffer, ToolSpec
from vdx.dialog.history import Item
from vdx.dialog.session_events import (
    CallArguments,
    CallBegun,
    CallComplete,
    ReplyDone,
    ReplyStarted,
    SessionEnded,
    ToolAnswered,
    ToolStarted,
    UserSilent,
)
from vdx.dialog.tools.toolbox import Tool, ToolOutcome
from vdx.dialog.tools.user import ToolUser
from vdx.speech.text.responder import Piece

OBJECT = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = ToolSpec("weather", "The weather of a city.", OBJECT)
STRICT = ToolSpec("strict", "The same, checked.", OBJECT, strict=True)
OSLO = '{"city": "Oslo"}'


def calls(name: str, arguments: str = OSLO, index: int = 0, call_id: str = "") -> list[Piece]:
    """A call as an endpoint streams it: its name first, then its arguments in two pieces."""
    half = len(arguments) // 2
    head = CallPiece(index, "", call_id or f"id_{name}_{index}", name)
    return [head, CallPiece(index, arguments[:half]), CallPiece(index, arguments[half:])]


@dataclass
class Caller(FakeResponder):
    """Gives its answers one after the other, whatever it is asked; then nothing but words."""

    turns: list[list[Piece | float]] = field(default_factory=list)
    offers: list[ToolOffer] = field(default_factory=list)

    async def reply_with_tools(
        self, messages: Sequence[Message], offer: ToolOffer
    ) -> AsyncGenerator[Piece, None]:
        self.asked.append(list(messages))
        self.offers.append(offer)
        self.open += 1
        try:
            for piece in self.turns.pop(0) if self.turns else ["Done."]:
                if isinstance(piece, float):
                    await asyncio.sleep(piece)
                else:
                    yield piece
        finally:
            self.open -= 1


class Server:
    """A tool of the server that answers after a while, or fails."""

    def __init__(self, result: str | Exception = "sunny", seconds: float = 0.0) -> None:
        self.result, self.seconds = result, seconds
        self.calls: list[ToolCall] = []
        self.cancelled = 0

    async def perform(self, call: ToolCall) -> ToolOutcome:
        self.calls.append(call)
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(self.result, Exception):
            raise self.result
        return ToolOutcome(self.result)

    def tools(self, _user: ToolUser) -> Sequence[Tool]:
        return [Tool(WEATHER, self.perform, "test")]


def offers(*specs: ToolSpec, **fields: object) -> ToolOffer:
    return ToolOffer(specs, **fields)  # type: ignore[arg-type]  # the names are the tests'


def output(call_id: str, text: str = "sunny") -> Item:
    return Item(f"out_{call_id}", "tool", text, answers=call_id)


async def asked_by_typing(stage: Scene, count: int = 1) -> ReplyDone:
    stage.session.type_text("How is the weather?")
    return await stage.transport.wait_for(ReplyDone, count)


# --- the client's tools -------------------------------------------------------------------------


@on_virtual_time
async def test_a_client_is_given_a_call_and_its_answer_goes_back() -> None:
    caller = Caller(turns=[["Let me see. ", *calls("weather")], ["Sunny in Oslo."]])
    async with scene(responder=caller, offer=offers(WEATHER)) as stage:
        await asked_by_typing(stage)
        begun = stage.transport.all(CallBegun)[0]
        pieces = "".join(each.arguments for each in stage.transport.all(CallArguments))
        complete = stage.transport.all(CallComplete)[0]
        assert (begun.call.name, pieces, complete.call.arguments) == ("weather", OSLO, OSLO)
        assert stage.state is SessionState.WAITING_FOR_INPUT
        stage.session.calls.answer(output("id_weather_0"))
        stage.session.request_reply()
        await stage.transport.wait_for(ReplyDone, 2)
        call = ToolCall("id_weather_0", "weather", OSLO)
        assert caller.asked[1][-2:] == [
            Message("assistant", "Let me see.", (call,)),
            Message("tool", "sunny", (), "id_weather_0"),
        ]
        assert stage.said()[-1] == ("assistant", "Sunny in Oslo.")
        answered = stage.transport.all(ToolAnswered)[0]
        assert (answered.output, answered.status) == ("sunny", "completed")


@on_virtual_time
async def test_parallel_calls_are_items_of_their_own_and_one_answer_of_the_model() -> None:
    pieces = [*calls("weather"), *calls("weather", '{"city": "Rome"}', 1)]
    async with scene(responder=Caller(turns=[pieces]), offer=offers(WEATHER)) as stage:
        await asked_by_typing(stage)
        for number, text in enumerate(("cold", "hot")):
            stage.session.calls.answer(output(f"id_weather_{number}", text))
        asked = stage.session.history.messages()
        assert [call.call_id for call in asked[-3].calls] == ["id_weather_0", "id_weather_1"]
        assert [(m.role, m.text) for m in asked[-2:]] == [("tool", "cold"), ("tool", "hot")]


@on_virtual_time
async def test_a_reply_may_be_asked_for_while_the_words_before_the_call_are_spoken() -> None:
    caller = Caller(turns=[["One moment please, I look it up. ", *calls("weather")]])
    async with scene(responder=caller, offer=offers(WEATHER)) as stage:
        stage.session.type_text("Weather?")
        await stage.transport.wait_for(CallComplete)
        stage.session.calls.answer(output("id_weather_0"))
        stage.session.request_reply()
        await stage.transport.wait_for(ReplyDone, 2)
        assert stage.transport.statuses() == [(1, "completed"), (2, "completed")]
        stage.session.type_text("Thanks.")
        await stage.transport.wait_for(ReplyDone, 3)
        assert len(caller.asked) == 3


@on_virtual_time
@pytest.mark.parametrize("this_alone", [True, False], ids=["one", "all"])
async def test_a_cancelled_reply_and_the_one_that_waits_for_its_end(this_alone: bool) -> None:
    caller = Caller(turns=[["One moment please, I look it up. ", *calls("weather")]])
    async with scene(responder=caller, offer=offers(WEATHER)) as stage:
        stage.session.type_text("Weather?")
        await stage.transport.wait_for(CallComplete)
        stage.session.calls.answer(output("id_weather_0"))
        stage.session.request_reply()
        assert stage.session.reply_requested
        stage.session.interrupt(this_alone=this_alone)
        assert stage.transport.statuses() == [(1, "cancelled")]
        assert not stage.session.reply_requested
        assert (stage.session.active_reply is not None) == this_alone


@on_virtual_time
async def test_answers_to_no_call_and_second_answers_are_refused() -> None:
    async with scene(responder=Caller(turns=[calls("weather")]), offer=offers(WEATHER)) as stage:
        await asked_by_typing(stage)
        with pytest.raises(InvalidInput, match="there is no call 'other'"):
            stage.session.calls.answer(output("other"))
        stage.session.calls.answer(output("id_weather_0"))
        with pytest.raises(InvalidInput, match="answered before"):
            stage.session.calls.answer(Item("again", "tool", "x", answers="id_weather_0"))


@on_virtual_time
async def test_a_conversation_is_restored_with_its_calls() -> None:
    async with scene(responder=Caller()) as stage:
        call = ToolCall("c1", "weather", OSLO)
        stage.session.calls.restore(Item("i1", "assistant", call=call))
        with pytest.raises(InvalidInput, match="'c1' already"):
            stage.session.calls.restore(Item("i2", "assistant", call=call))
        stage.session.calls.answer(output("c1"))
        await asked_by_typing(stage)
        assert stage.responder.asked[0][:2] == [
            Message("assistant", "", (call,)),
            Message("tool", "sunny", (), "c1"),
        ]


@on_virtual_time
async def test_a_call_without_an_answer_is_told_as_such_in_the_next_turn() -> None:
    async with scene(responder=Caller(turns=[calls("weather")]), offer=offers(WEATHER)) as stage:
        await asked_by_typing(stage)
        await asked_by_typing(stage, 2)
        told = [m.text for m in stage.responder.asked[1] if m.role == "tool"]
        assert told == ["No result yet."]


@on_virtual_time
async def test_no_silence_is_told_while_the_client_has_a_call() -> None:
    caller = Caller(turns=[calls("weather", call_id="c1")])
    async with scene(responder=caller, offer=offers(WEATHER), nudge_after_ms=1000) as stage:
        await asked_by_typing(stage)
        await asyncio.sleep(5)
        assert stage.transport.all(UserSilent) == []
        stage.session.calls.answer(output("c1"))
        stage.session.request_reply()
        await stage.transport.wait_for(ReplyDone, 2)
        await stage.transport.wait_for(UserSilent)


@on_virtual_time
async def test_a_call_cut_off_by_the_person_is_incomplete_and_no_part_of_the_history() -> None:
    pieces: list[Piece | float] = ["Well now. ", CallPiece(0, '{"ci', "c1", "weather"), 60.0]
    async with scene(responder=Caller(turns=[pieces]), offer=offers(WEATHER)) as stage:
        stage.session.type_text("Weather?")
        await stage.transport.wait_for(CallArguments)
        stage.session.interrupt()
        complete = await stage.transport.wait_for(CallComplete)
        assert not complete.complete
        assert all(not message.calls for message in stage.session.history.messages())
        with pytest.raises(InvalidInput, match="the call 'c1' was cut off"):
            stage.session.calls.answer(output("c1"))


@on_virtual_time
async def test_strict_arguments_and_unknown_names_are_answered_to_the_model() -> None:
    turns = [calls("strict", '{"town": "Oslo"}'), calls("forecast"), calls("strict")]
    caller = Caller(turns=[list(turn) for turn in turns])
    async with scene(responder=caller, offer=offers(STRICT)) as stage:
        await asked_by_typing(stage)
        told = [m.text for m in caller.asked[2] if m.role == "tool"]
        assert "was not called" in told[0]
        assert told[1] == "There is no tool 'forecast'; there are: strict."
        [complete] = stage.transport.all(CallComplete)
        assert complete.call.arguments == OSLO
        assert len(caller.asked) == 3, "the third call is the client's to answer"


@on_virtual_time
async def test_a_prepared_reply_calls_nothing() -> None:
    server = Server()
    caller = Caller(turns=[calls("weather"), calls("weather")])
    heard = Heard("how is the", pause="how is")
    async with scene(heard, responder=caller, server_tools=server.tools) as stage:
        await stage.person_says(500, 100)
        await asyncio.sleep(0)
        assert caller.asked, "the reply was prepared"
        assert server.calls == []
        await stage.until(SessionState.SPEAKING)
        await stage.transport.wait_for(ReplyDone)
        assert len(server.calls) == 1


@on_virtual_time
async def test_a_tool_that_has_to_be_called_is_asked_for_once() -> None:
    caller = Caller(turns=[calls("weather")])
    offer = offers(choice="required", parallel=False)
    async with scene(responder=caller, server_tools=Server().tools, offer=offer) as stage:
        await asked_by_typing(stage)
        assert [(each.choice, each.parallel) for each in caller.offers] == [
            ("required", False),
            ("auto", False),
        ]


# --- the server's tools -------------------------------------------------------------------------


@on_virtual_time
async def test_the_result_of_a_server_tool_continues_the_same_reply() -> None:
    server = Server()
    caller = Caller(turns=[["Let me see.", *calls("weather")], ["It is sunny."]])
    async with scene(responder=caller, server_tools=server.tools) as stage:
        done = await asked_by_typing(stage)
        assert done.text == "Let me see. It is sunny."
        assert len(stage.transport.all(ReplyStarted)) == 1
        started, answered = stage.transport.all(ToolStarted)[0], stage.transport.all(ToolAnswered)
        assert (started.source, started.call.arguments) == ("test", OSLO)
        assert [(each.output, each.status) for each in answered] == [("sunny", "completed")]
        assert stage.transport.all(CallBegun) == []
        roles = [(m.role, m.text) for m in stage.session.history.messages()]
        assert roles[1:] == [
            ("assistant", ""),
            ("tool", "sunny"),
            ("assistant", "Let me see. It is sunny."),
        ]


@on_virtual_time
@pytest.mark.parametrize(
    ("result", "seconds", "told", "status"),
    [
        (ToolFailed("no such city"), 0.0, "weather failed: no such city", "failed"),
        (RuntimeError("secret"), 0.0, "weather failed: RuntimeError", "failed"),
        ("late", 30.0, "weather did not answer within 10000 ms.", "timed_out"),
        ("x" * 20_000, 0.0, "x" * 16_000 + " … (cut: 20000 characters)", "completed"),
    ],
    ids=["failed", "fault", "timeout", "long"],
)
async def test_what_goes_wrong_becomes_words(
    result: str | Exception, seconds: float, told: str, status: str
) -> None:
    caller = Caller(turns=[list(calls("weather"))])
    server = Server(result, seconds)
    async with scene(responder=caller, server_tools=server.tools) as stage:
        done = await asked_by_typing(stage)
        assert (done.status, done.text) == ("completed", "Done.")
        assert caller.asked[1][-1] == Message("tool", told, (), "id_weather_0")
        assert [each.status for each in stage.transport.all(ToolAnswered)] == [status]


@on_virtual_time
async def test_a_filler_is_said_once_while_calls_take_long() -> None:
    turns = [list(calls("weather")), list(calls("weather", OSLO, 0, "other")), ["Sunny."]]
    tools = ToolsConfig(filler="One moment.", filler_after_ms=500)
    server = Server(seconds=2.0)
    async with scene(
        responder=Caller(turns=turns), server_tools=server.tools, tools=tools
    ) as stage:
        done = await asked_by_typing(stage)
        assert done.text == "One moment.  Sunny."
        assert len(server.calls) == 2


@on_virtual_time
async def test_a_model_that_only_calls_is_made_to_speak() -> None:
    turns = [list(calls("weather", OSLO, 0, f"c{n}")) for n in range(3)]
    caller, tools = Caller(turns=turns), ToolsConfig(max_rounds=3)
    async with scene(responder=caller, server_tools=Server().tools, tools=tools) as stage:
        assert (await asked_by_typing(stage)).text == "Done."
        assert [each.choice for each in caller.offers] == ["auto", "auto", "auto", "none"]


@on_virtual_time
async def test_barge_in_while_a_tool_runs_cancels_it_and_is_answered() -> None:
    server = Server(seconds=60.0)
    caller = Caller(turns=[list(calls("weather"))])
    async with scene(
        Heard("how is the weather"),
        Heard("stop"),
        responder=caller,
        server_tools=server.tools,
        tools=ToolsConfig(timeout_ms=60_000),
    ) as stage:
        await stage.person_says()
        while not server.calls:
            await stage.quiet_for(20)
        await stage.person_says(700)
        await stage.until(SessionState.SPEAKING)
        assert server.cancelled == 1
        assert [each.status for each in stage.transport.all(ToolAnswered)] == ["cancelled"]
        await stage.transport.wait_for(ReplyDone, 2)
        assert stage.transport.statuses() == [(1, "cancelled"), (2, "completed")]
        told = [m.text for m in caller.asked[-1] if m.role == "tool"]
        assert told == ["Cancelled: the person interrupted."]


@on_virtual_time
async def test_a_reply_that_is_over_makes_no_calls() -> None:
    """The task of a cancelled reply may run a step longer."""
    async with scene(offer=offers(WEATHER)) as stage:
        over = (await asked_by_typing(stage)).reply
        kept = list(stage.session.history)
        stage.session.calls.begin(over, "c1", "weather")
        stage.session.calls.stream("c1", OSLO)
        stage.session.calls.give(ToolCall("c1", "weather", OSLO))
        stage.session.calls.run(over, ToolCall("c2", "weather", OSLO), Tool(WEATHER), 0)
        stage.session.calls.finish(ToolCall("c2", "weather", OSLO), ToolOutcome("sunny"))
        for kind in (CallBegun, CallArguments, CallComplete, ToolStarted, ToolAnswered):
            assert stage.transport.all(kind) == []
        assert list(stage.session.history) == kept


@on_virtual_time
async def test_calls_of_one_answer_with_one_id_are_all_performed() -> None:
    same = [*calls("weather", OSLO, 0, "call"), *calls("weather", OSLO, 1, "call")]
    caller, server = Caller(turns=[same]), Server()
    async with scene(responder=caller, server_tools=server.tools) as stage:
        done = await asked_by_typing(stage)
        assert done.text.strip() == "Done."
        ids = [call.call_id for m in stage.session.history.messages() for call in m.calls]
        assert len(set(ids)) == 2


@on_virtual_time
async def test_ids_that_an_endpoint_uses_again_are_told_apart() -> None:
    turns = [list(calls("weather", OSLO, 0, "0")), list(calls("weather", OSLO, 0, "0"))]
    caller = Caller(turns=turns)
    async with scene(responder=caller, server_tools=Server().tools) as stage:
        await asked_by_typing(stage)
        ids = [call.call_id for m in stage.session.history.messages() for call in m.calls]
        assert len(set(ids)) == 2


@on_virtual_time
@pytest.mark.parametrize("interrupted", [False, True], ids=["heard", "interrupted"])
async def test_a_call_that_ends_the_session_waits_until_the_goodbye_was_heard(
    interrupted: bool,
) -> None:
    def tools(user: ToolUser) -> Sequence[Tool]:
        async def end(_call: ToolCall) -> ToolOutcome:
            user.end_after_reply()
            return ToolOutcome("ok", say="Goodbye, and thanks for calling.", ends_reply=True)

        return [Tool(ToolSpec("end", "", {"type": "object"}), end, "vdx")]

    caller = Caller(turns=[list(calls("end", "{}"))])
    async with scene(responder=caller, server_tools=tools) as stage:
        stage.session.type_text("Bye")
        await stage.transport.wait_for(ReplyStarted)
        await stage.until(SessionState.SPEAKING)
        if interrupted:
            stage.session.interrupt()
        await stage.transport.wait_for(ReplyDone)
        ended = [each.reason for each in stage.transport.all(SessionEnded)]
        assert ended == ([] if interrupted else ["call_ended"])
