"""MCP servers that a client names: their tools, calls, approvals, and what goes wrong."""

import asyncio
from dataclasses import dataclass, field

import pytest

from tests.unit.dialog.fakes import Heard
from tests.unit.dialog.stage import Scene, scene
from tests.unit.dialog.test_tools import OSLO, Caller, calls
from tests.unit.virtual_time import on_virtual_time
from vdx.core.config import ToolsConfig
from vdx.core.errors import McpFailed, UnknownName
from vdx.core.events import Message, SessionState
from vdx.core.mcp import McpFault, McpServerSpec, McpTool, ToolFilter
from vdx.core.tools import ToolCall, ToolOffer, ToolSpec
from vdx.dialog.history import Item
from vdx.dialog.mcp_record import AWAITS, NOT_APPROVED, McpRecord
from vdx.dialog.reply_request import ReplyRequest
from vdx.dialog.session_events import (
    ErrorOccurred,
    McpAsked,
    McpCallBegun,
    McpCallDone,
    McpListing,
    ReplyDone,
)
from vdx.dialog.tools.toolbox import ToolOutcome

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = McpTool("weather", "Tells.", SCHEMA, {"readOnlyHint": True})
DELETE = McpTool("delete", "Deletes.", SCHEMA)
EVERY = ToolFilter()
UNASKED = McpServerSpec("here", "https://a.example/mcp", unasked=EVERY)
ASKED = McpServerSpec("here", "https://a.example/mcp")


@dataclass
class Server:
    """An MCP server: what it lists, after how long it does, and what a call leads to."""

    tools: tuple[McpTool, ...] = (WEATHER, DELETE)
    result: str | Exception = "sunny"
    seconds: float = 0.0
    lists_after_s: float = 0.0
    failure: McpFailed | None = None
    specs: list[McpServerSpec] = field(default_factory=list)
    made: list[ToolCall] = field(default_factory=list)
    cancelled: int = 0
    closed: int = 0

    def connect(self, spec: McpServerSpec) -> "Server":
        self.specs.append(spec)
        return self

    async def list_tools(self) -> tuple[McpTool, ...]:
        await asyncio.sleep(self.lists_after_s)
        if self.failure is not None:
            raise self.failure
        return self.tools

    async def call(self, name: str, call: ToolCall) -> ToolOutcome:
        self.made.append(call)
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(self.result, Exception):
            raise self.result
        return ToolOutcome(f"{name}: {self.result}")

    async def close(self) -> None:
        self.closed += 1


def naming(*servers: McpServerSpec) -> ToolOffer:
    return ToolOffer(mcp=servers)


async def typed(stage: Scene, count: int = 1) -> ReplyDone:
    await asyncio.sleep(0.01)  # the tools are listed
    stage.session.type_text("How is the weather?")
    return await stage.transport.wait_for(ReplyDone, count)


def answer(stage: Scene, request: Item, *, approve: bool, reason: str = "") -> bool:
    """The client's answer to a request for approval."""
    record = McpRecord("mcp_approval_response", request=request.id, approved=approve)
    record.reason = reason
    item = Item(f"answer_{request.id}", "system", mcp=record)
    _, go_on = stage.session.calls.mcp.decide(item)
    if go_on:
        stage.session.go_on()
    return go_on


def results(caller: Caller, asked: int = -1) -> list[str]:
    return [message.text for message in caller.asked[asked] if message.role == "tool"]


@on_virtual_time
async def test_a_server_is_listed_once_and_its_tool_is_called_in_the_same_reply() -> None:
    server, caller = Server(), Caller(turns=[["Let me see.", *calls("weather")], ["Sunny."]])
    async with scene(responder=caller, connect_mcp=server.connect, offer=naming(UNASKED)) as stage:
        done = await typed(stage)
        assert done.text == "Let me see. Sunny."
        assert [tool.name for tool in caller.offers[0].tools] == ["weather", "delete"]
        stage.session.mcp.use((UNASKED,))
        assert server.specs == [UNASKED]
        assert len(stage.transport.all(McpListing)) == 2
        begun, over = stage.transport.all(McpCallBegun)[0], stage.transport.all(McpCallDone)[0]
        assert begun.item is over.item
        assert (over.item.text, over.item.status) == ("weather: sunny", "completed")
        assert results(caller, 1) == ["weather: sunny"]
        told = [(m.role, m.text) for m in stage.session.history.messages()]
        assert told[-3:] == [
            ("assistant", ""),
            ("tool", "weather: sunny"),
            ("assistant", "Let me see. Sunny."),
        ]
    assert server.closed == 1


@on_virtual_time
@pytest.mark.parametrize(
    ("spec", "offered"),
    [
        (McpServerSpec("a", "u", offered=ToolFilter(("delete",))), ["delete"]),
        (McpServerSpec("a", "u", offered=ToolFilter(read_only=True)), ["weather"]),
        (McpServerSpec("a", "u", offered=ToolFilter(("delete",), read_only=True)), []),
    ],
    ids=["by name", "read only", "both"],
)
async def test_only_the_tools_that_the_client_allows_are_offered(
    spec: McpServerSpec, offered: list[str]
) -> None:
    caller = Caller()
    async with scene(responder=caller, connect_mcp=Server().connect, offer=naming(spec)) as stage:
        await typed(stage)
        assert [tool.name for tool in caller.offers[0].tools] == offered


@on_virtual_time
async def test_two_servers_with_a_tool_of_one_name_can_both_be_called() -> None:
    other = McpServerSpec("there", "https://b.example/mcp", unasked=EVERY)
    caller = Caller(turns=[[*calls("weather"), *calls("there_weather", OSLO, 1)]])
    async with scene(
        responder=caller, connect_mcp=Server().connect, offer=naming(UNASKED, other)
    ) as stage:
        await typed(stage)
        done = stage.transport.all(McpCallDone)
        told = [each.item.mcp for each in done]
        assert [(each.label, each.name) for each in told if each] == [
            ("here", "weather"),
            ("there", "weather"),
        ]


@on_virtual_time
async def test_a_choice_of_a_server_has_its_tool_called() -> None:
    caller = Caller(turns=[list(calls("delete"))])
    offer = ToolOffer(mcp=(UNASKED,), named_server="here", named="delete")
    async with scene(responder=caller, connect_mcp=Server().connect, offer=offer) as stage:
        await typed(stage)
        first, second = caller.offers
        assert ([tool.name for tool in first.tools], first.choice) == (["delete"], "required")
        assert second.choice == "auto"


@on_virtual_time
async def test_what_is_approved_is_performed_and_the_conversation_goes_on() -> None:
    server, caller = Server(), Caller(turns=[["Shall I?", *calls("weather")], ["Sunny."]])
    async with scene(responder=caller, connect_mcp=server.connect, offer=naming(ASKED)) as stage:
        await typed(stage)
        [asked] = stage.transport.all(McpAsked)
        assert server.made == []
        assert results(caller, 0) == []
        assert answer(stage, asked.item, approve=True)
        done = await stage.transport.wait_for(ReplyDone, 2)
        assert (done.status, done.text) == ("completed", "Sunny.")
        [over] = stage.transport.all(McpCallDone)
        assert over.item.mcp is not None
        assert over.item.mcp.request == asked.item.id
        assert results(caller) == ["weather: sunny"]
        call = ToolCall("id_weather_0", "weather", OSLO)
        assert Message("assistant", "Shall I?", (call,)) in caller.asked[1]
        assert len([m for m in stage.session.history.messages() if m.calls]) == 1
        with pytest.raises(UnknownName, match=r"no approval request 'mcpr_s_id_weather_0' waits"):
            answer(stage, asked.item, approve=True)


@on_virtual_time
async def test_a_result_that_was_told_is_asked_for_once_in_vain() -> None:
    server, caller = Server(), Caller(turns=[[*calls("weather")], ["Sunny."], ["Yes."]])
    async with scene(responder=caller, connect_mcp=server.connect, offer=naming(UNASKED)) as stage:
        mcp = stage.session.calls.mcp
        assert not mcp.take_told()
        assert (await typed(stage)).text == "Sunny."
        assert mcp.take_told()
        assert not mcp.take_told()


@on_virtual_time
async def test_who_speaks_after_a_result_is_answered() -> None:
    server, caller = Server(), Caller(turns=[[*calls("weather")], ["Sunny."], ["Yes."]])
    async with scene(responder=caller, connect_mcp=server.connect, offer=naming(UNASKED)) as stage:
        await typed(stage)
        await typed(stage, 2)
        assert not stage.session.calls.mcp.take_told()


@on_virtual_time
async def test_a_written_result_is_told_too() -> None:
    server, caller = Server(), Caller(turns=[[*calls("weather")], ["Sunny."]])
    async with scene(
        responder=caller, connect_mcp=server.connect, offer=naming(UNASKED), text_only=True
    ) as stage:
        assert (await typed(stage)).text == "Sunny."
        assert stage.session.calls.mcp.take_told()


@on_virtual_time
async def test_a_result_that_nothing_was_said_on_is_asked_for() -> None:
    server, caller = Server(), Caller(turns=[[*calls("weather")], []])
    async with scene(responder=caller, connect_mcp=server.connect, offer=naming(UNASKED)) as stage:
        assert (await typed(stage)).text == ""
        assert not stage.session.calls.mcp.take_told()


@on_virtual_time
async def test_a_clients_own_call_behind_a_told_result_is_answered() -> None:
    server = Server()
    caller = Caller(turns=[[*calls("weather")], ["Sunny.", *calls("look", OSLO, 1)], ["Yes."]])
    look = ToolSpec("look", "Looks.", SCHEMA)
    offer = ToolOffer((look,), mcp=(UNASKED,))
    async with scene(responder=caller, connect_mcp=server.connect, offer=offer) as stage:
        assert (await typed(stage)).text == "Sunny."
        stage.session.calls.answer(Item("out", "tool", "blue", answers="id_look_1"))
        assert not stage.session.calls.mcp.take_told()


@on_virtual_time
async def test_what_is_not_approved_is_told_and_not_performed() -> None:
    server, caller = Server(), Caller(turns=[list(calls("weather")), ["I did not ask."]])
    async with scene(responder=caller, connect_mcp=server.connect, offer=naming(ASKED)) as stage:
        await typed(stage)
        [asked] = stage.transport.all(McpAsked)
        answer(stage, asked.item, approve=False, reason="Too dear.")
        assert (await stage.transport.wait_for(ReplyDone, 2)).text == "I did not ask."
        assert results(caller) == [f"{NOT_APPROVED} Too dear."]
        assert server.made == []


@on_virtual_time
async def test_a_request_that_the_client_deleted_is_approved_no_more() -> None:
    server, caller = Server(), Caller(turns=[list(calls("weather"))])
    async with scene(responder=caller, connect_mcp=server.connect, offer=naming(ASKED)) as stage:
        await typed(stage)
        [asked] = stage.transport.all(McpAsked)
        stage.session.history.discard(asked.item.id)
        with pytest.raises(UnknownName, match="no approval request"):
            answer(stage, asked.item, approve=True)
        await typed(stage, 2)
        assert server.made == []
        assert results(caller) == []


@on_virtual_time
async def test_an_approval_that_never_comes_holds_up_nothing() -> None:
    server, caller = Server(), Caller(turns=[list(calls("weather")), ["Then not."]])
    async with scene(responder=caller, connect_mcp=server.connect, offer=naming(ASKED)) as stage:
        await typed(stage)
        assert (await typed(stage, 2)).text == "Then not."
        assert results(caller) == [AWAITS]
        [asked] = stage.transport.all(McpAsked)
        answer(stage, asked.item, approve=True)  # late, and still performed
        await stage.transport.wait_for(ReplyDone, 3)
        assert [call.name for call in server.made] == ["weather"]


@on_virtual_time
async def test_an_approval_in_a_pause_is_performed_once_the_turn_is_over() -> None:
    """The reply that is prepared in the pause was told that the call waits."""
    caller, server = Caller(turns=[list(calls("weather"))]), Server()
    async with scene(
        Heard("and now"), responder=caller, connect_mcp=server.connect, offer=naming(ASKED)
    ) as stage:
        await typed(stage)
        [asked] = stage.transport.all(McpAsked)
        await stage.person_says(silence_ms=0)
        while len(caller.asked) < 2 and not stage.transport.all(ReplyDone)[1:]:
            await stage.quiet_for(20)
        assert results(caller) == [AWAITS]
        answer(stage, asked.item, approve=True)
        await stage.quiet_for(1_000)
        await stage.until(SessionState.WAITING_FOR_INPUT)
        assert [call.name for call in server.made] == ["weather"]
        assert results(caller) == ["weather: sunny"]
        ids = [call.call_id for message in caller.asked[-1] for call in message.calls]
        assert ids == ["id_weather_0"]


@on_virtual_time
async def test_two_calls_of_one_reply_are_both_decided_before_it_goes_on() -> None:
    both = [*calls("weather"), *calls("delete", OSLO, 1)]
    server, caller = Server(), Caller(turns=[both, ["One of two."]])
    async with scene(responder=caller, connect_mcp=server.connect, offer=naming(ASKED)) as stage:
        await typed(stage)
        first, second = stage.transport.all(McpAsked)
        assert not answer(stage, first.item, approve=True)
        assert answer(stage, second.item, approve=False)
        await stage.transport.wait_for(ReplyDone, 2)
        assert sorted(results(caller)) == sorted(["weather: sunny", NOT_APPROVED])
        assert [call.name for call in server.made] == ["weather"]


@on_virtual_time
async def test_an_approval_over_another_reply_is_performed_after_it() -> None:
    turns = [list(calls("weather")), ["A long story. It goes on. And on."], ["Sunny."]]
    server, caller = Server(), Caller(turns=turns)
    async with scene(responder=caller, connect_mcp=server.connect, offer=naming(ASKED)) as stage:
        await typed(stage)
        [asked] = stage.transport.all(McpAsked)
        stage.session.type_text("Tell me a story.")
        await stage.until(SessionState.SPEAKING)
        answer(stage, asked.item, approve=True)
        assert server.made == []
        done = await stage.transport.wait_for(ReplyDone, 3)
        assert stage.transport.statuses() == [(n, "completed") for n in (1, 2, 3)]
        assert done.text == "Sunny."


@on_virtual_time
async def test_barge_in_during_a_call_ends_it_and_is_answered() -> None:
    server, caller = Server(seconds=60.0), Caller(turns=[list(calls("weather"))])
    async with scene(
        Heard("how is the weather"),
        Heard("stop"),
        responder=caller,
        connect_mcp=server.connect,
        offer=naming(UNASKED),
        tools=ToolsConfig(timeout_ms=60_000),
    ) as stage:
        await stage.person_says()
        while not server.made:
            await stage.quiet_for(20)
        await stage.person_says(700)
        await stage.transport.wait_for(ReplyDone, 2)
        assert stage.transport.statuses() == [(1, "cancelled"), (2, "completed")]
        [over] = stage.transport.all(McpCallDone)
        assert over.item.mcp is not None
        assert over.item.mcp.fault == McpFault(
            "tool_execution_error", "Cancelled: the person interrupted."
        )
        assert server.cancelled == 1


@on_virtual_time
@pytest.mark.parametrize(
    ("result", "seconds", "fault"),
    [
        (
            McpFailed("gone", McpFault("http_error", "gone", 502)),
            0.0,
            McpFault("http_error", "gone", 502),
        ),
        (
            "late",
            30.0,
            McpFault("tool_execution_error", "weather did not answer within 10000 ms."),
        ),
    ],
    ids=["gone", "late"],
)
async def test_a_call_that_fails_is_told_to_client_and_model(
    result: str | Exception, seconds: float, fault: McpFault
) -> None:
    server, caller = Server(result=result, seconds=seconds), Caller(turns=[list(calls("weather"))])
    async with scene(responder=caller, connect_mcp=server.connect, offer=naming(UNASKED)) as stage:
        assert (await typed(stage)).text == "Done."
        [over] = stage.transport.all(McpCallDone)
        assert over.item.mcp is not None
        assert over.item.mcp.fault == fault
        assert fault.message in results(caller)[0]


@on_virtual_time
@pytest.mark.parametrize(
    ("server", "why"),
    [
        (Server(failure=McpFailed("nobody there", McpFault("http_error", "x"))), "nobody there"),
        (Server(lists_after_s=60.0), "did not answer within 10000 ms"),
    ],
    ids=["fails", "hangs"],
)
async def test_a_server_that_lists_nothing_is_told_and_held_up_for_by_nobody(
    server: Server, why: str
) -> None:
    async with scene(
        responder=Caller(), connect_mcp=server.connect, offer=naming(UNASKED)
    ) as stage:
        assert (await typed(stage)).text == "Done."
        told = await stage.transport.wait_for(ErrorOccurred)
        assert "the MCP server 'here' lists no tools" in told.error.message
        assert why in told.error.message
        assert stage.transport.all(McpListing)[-1].item.status == "incomplete"


@on_virtual_time
async def test_a_response_waits_for_the_server_that_it_names_itself() -> None:
    server, caller = Server(lists_after_s=2.0), Caller(turns=[list(calls("weather"))])
    async with scene(responder=caller, connect_mcp=server.connect) as stage:
        stage.session.mcp.add((UNASKED,))
        stage.session.request_reply("", ReplyRequest(offer=naming(UNASKED)))
        await stage.transport.wait_for(ReplyDone)
        assert [call.name for call in server.made] == ["weather"]
        stage.session.mcp.use(())
        await asyncio.sleep(0)
        assert server.closed == 1


@on_virtual_time
async def test_calls_of_mcp_tools_are_answered_by_no_client() -> None:
    caller = Caller(turns=[list(calls("weather"))])
    async with scene(
        responder=caller, connect_mcp=Server().connect, offer=naming(UNASKED)
    ) as stage:
        await typed(stage)
        with pytest.raises(Exception, match="there is no call 'id_weather_0'"):
            stage.session.calls.answer(Item("mine", "tool", "x", answers="id_weather_0"))
