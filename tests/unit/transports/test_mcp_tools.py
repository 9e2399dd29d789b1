"""MCP servers as clients declare them: what is taken, refused and shown, and their items."""

from typing import Any

import pytest

from tests.unit.transports.listening import R1, REPLY_BEGINS, REPLY_ENDS, client, narrate
from vdx.core.config import ToolsConfig
from vdx.core.errors import InvalidInput, McpServerRefused
from vdx.core.mcp import McpFault, McpTool, ToolFilter
from vdx.core.tools import ToolCall
from vdx.dialog.history import History, Item
from vdx.dialog.mcp_record import McpRecord
from vdx.dialog.session_events import (
    McpAsked,
    McpCallBegun,
    McpCallDone,
    McpListing,
    ReplyDone,
    ReplyStarted,
)
from vdx.transports.realtime.events import item_object
from vdx.transports.realtime.items import items_of, new_message
from vdx.transports.realtime.mcp_items import mcp_item_of, new_mcp_item
from vdx.transports.realtime.schema import ResponseCreate, session_update
from vdx.transports.realtime.settings import Settings

HERE = "https://mcp.example.org/mcp"
SERVER = {"type": "mcp", "server_label": "docs", "server_url": HERE}
FUNCTION = {"type": "function", "name": "weather", "description": "", "parameters": {}}
SEARCH = McpTool("search", "Searches.", {"type": "object"}, {"readOnlyHint": True})
WIPE = McpTool("wipe", "Wipes.", {"type": "object"})


def allowing(*addresses: str) -> Settings:
    settings = client().settings
    tools = ToolsConfig(client_mcp=addresses)
    settings.options = settings.options.updated(tools=tools)
    return settings


def named(tool: dict[str, Any], *allowed: str, **keys: Any) -> Settings:
    update = session_update({"type": "realtime", "tools": [tool], **keys})
    return allowing(*allowed).merged(update)


# --- who may be named ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowed", "url"),
    [
        (("https://mcp.example.org",), HERE),
        (("https://mcp.example.org/",), HERE),
        (("https://mcp.example.org:443/mcp",), HERE),
        (("https://other.example", HERE), f"{HERE}/below?x=1"),
        (("http://127.0.0.1:9000",), "http://127.0.0.1:9000/mcp"),
        (("*",), HERE),
    ],
    ids=["host", "slash", "port", "below", "private", "any"],
)
def test_an_address_that_the_host_allows_is_taken(allowed: tuple[str, ...], url: str) -> None:
    offer = named(SERVER | {"server_url": url}, *allowed).options.offer
    assert [spec.url for spec in offer.mcp] == [url]
    assert offer.mcp[0].public_only == (allowed == ("*",))


@pytest.mark.parametrize(
    ("allowed", "url"),
    [
        ((), HERE),
        (("https://mcp.example.org/mcp",), "https://mcp.example.org/mcp2"),
        (("https://mcp.example.org",), "https://mcp.example.org.evil.example/mcp"),
        (("https://mcp.example.org",), "http://mcp.example.org/mcp"),
        (("https://mcp.example.org",), "https://mcp.example.org:8443/mcp"),
        (("*",), "http://mcp.example.org/mcp"),
    ],
    ids=["none", "beside", "other host", "plain", "other port", "any but plain"],
)
def test_an_address_that_it_does_not_allow_is_refused_by_name(
    allowed: tuple[str, ...], url: str
) -> None:
    with pytest.raises(McpServerRefused, match="server_url") as refused:
        named(SERVER | {"server_url": url}, *allowed)
    assert url in refused.value.message
    assert refused.value.param == "session.tools.docs.server_url"
    assert refused.value.fields["code"] == "mcp_server_not_allowed"


@pytest.mark.parametrize(
    ("keys", "what"),
    [
        ({"server_url": "https://mcp.example.org/a/../mcp"}, "has no '..'"),
        ({"server_url": "https://mcp.example.org/a/%2e%2E/mcp"}, "has no '..'"),
        ({"server_url": "https://user:secret@mcp.example.org/mcp"}, "no user name"),
        ({"server_url": "https://mcp.example.org:x/mcp"}, "[Pp]ort"),
        ({"server_url": "ftp://mcp.example.org/mcp"}, "begins with https"),
        ({"server_url": "file:///etc/passwd"}, "begins with https"),
        ({"server_url": "https://mcp.example.org/m cp"}, "no spaces"),
        ({"server_url": ""}, "needs its server_url"),
        ({"server_url": None, "connector_id": "connector_gmail"}, "connector_id is of OpenAI"),
        ({"tunnel_id": "t"}, "tunnel_id is of OpenAI"),
        ({"server_label": "no spaces"}, "server_label"),
        ({"headers": {"Host": "127.0.0.1"}}, "headers.Host belongs to the connection"),
        ({"headers": {"a b": "c"}}, "headers"),
        ({"headers": {"X-A": "b\r\nX-C: d"}}, "visible ASCII"),
        ({"authorization": "a\nb"}, "visible ASCII"),
        ({"require_approval": "sometimes"}, "require_approval"),
        ({"nonsense": 1}, "nonsense"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_makes_no_server_is_refused_by_name(keys: dict[str, Any], what: str) -> None:
    with pytest.raises(InvalidInput, match=what):
        named(SERVER | keys, "https://mcp.example.org")


def test_a_label_is_of_one_server_and_there_are_few() -> None:
    both = [SERVER, SERVER]
    with pytest.raises(InvalidInput, match="'docs' appears twice"):
        allowing("*").merged(session_update({"type": "realtime", "tools": both}))
    many = [SERVER | {"server_label": f"s{number}"} for number in range(17)]
    with pytest.raises(InvalidInput, match="16 MCP servers, not 17"):
        allowing("*").merged(session_update({"type": "realtime", "tools": many}))


@pytest.mark.parametrize(
    ("session", "what"),
    [
        ({"tools": [SERVER | {"nonsense": 1}]}, "there are: type, server_label, server_url"),
        ({"tools": [FUNCTION | {"nonsense": 1}]}, "there are: type, name, description"),
        ({"tool_choice": {"type": "mcp"}}, "session.tool_choice.server_label: field required"),
        ({"tool_choice": {"type": "function"}}, "session.tool_choice.name: field required"),
        ({"tool_choice": "sometimes"}, "'auto', 'none' or 'required', got 'sometimes'"),
        ({"tool_choice": ["auto"]}, "'auto', 'none' or 'required'"),
    ],
    ids=["server", "function", "label", "name", "mode", "list"],
)
def test_a_mistake_is_told_by_what_it_is_a_mistake_in(session: dict[str, Any], what: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        session_update({"type": "realtime", **session})
    assert what in refused.value.message


def test_a_type_of_items_that_is_not_there_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"no 'reasoning'; there are: message, .*mcp_call"):
        new_message({"type": "reasoning"})
    with pytest.raises(InvalidInput, match=r"item\.type: field required"):
        new_message({"role": "user", "content": []})


def test_a_type_of_tools_that_is_not_there_is_named() -> None:
    with pytest.raises(InvalidInput, match="web_search"):
        named({"type": "web_search"}, "*")


@pytest.mark.parametrize("address", ["ftp://a", "example.org", "https://u@a", "https://a/../b"])
def test_a_configuration_of_addresses_that_are_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        ToolsConfig(client_mcp=(address,))


# --- what is shown ------------------------------------------------------------------------------


def test_keys_and_headers_are_not_shown_and_not_lost_when_that_is_sent_back() -> None:
    secret = SERVER | {"authorization": "secret-1", "headers": {"X-Key": "secret-2"}}
    settings = named(secret, "*")
    shown = settings.rendered("s")["tools"]
    assert "secret" not in repr((shown, settings.options.offer))
    [back] = settings.merged(session_update({"type": "realtime", "tools": shown})).options.offer.mcp
    assert (back.key, back.headers) == ("secret-1", (("X-Key", "secret-2"),))
    elsewhere = [SERVER | {"server_url": "https://evil.example/mcp"}]
    [other] = settings.merged(
        session_update({"type": "realtime", "tools": elsewhere})
    ).options.offer.mcp
    assert (other.key, other.headers) == ("", ())


@pytest.mark.parametrize(
    "approval",
    [
        "always",
        "never",
        {"never": {"tool_names": ["search"]}},
        {"always": {"tool_names": ["wipe"]}, "never": {"read_only": True}},
    ],
    ids=["always", "never", "some", "both"],
)
@pytest.mark.parametrize(
    "allowed", [None, ["search"], {"read_only": True, "tool_names": ["search"]}], ids=str
)
def test_what_is_shown_can_be_sent_back(approval: Any, allowed: Any) -> None:
    tool = SERVER | {"require_approval": approval, "allowed_tools": allowed}
    settings = named(tool, "*")
    [shown] = settings.rendered("s")["tools"]
    assert shown == tool
    assert named(shown, "*").options.offer == settings.options.offer


def test_functions_and_servers_are_declared_together_and_either_chosen() -> None:
    keys = {"tools": [FUNCTION, SERVER]}
    for choice in (
        {"type": "mcp", "server_label": "docs", "name": "search"},
        {"type": "mcp", "server_label": "docs"},
        {"type": "function", "name": "weather"},
        "required",
    ):
        update = session_update({"type": "realtime", "tool_choice": choice, **keys})
        settings = allowing("*").merged(update)
        assert settings.rendered("s")["tool_choice"] == choice
        kept = settings.merged(session_update({"type": "realtime", "instructions": "x"}))
        assert kept.rendered("s")["tool_choice"] == choice
        assert len(kept.rendered("s")["tools"]) == 2
        gone = settings.merged(session_update({"type": "realtime", "tools": []}))
        assert gone.rendered("s")["tool_choice"] == (choice if isinstance(choice, str) else "auto")
    with pytest.raises(InvalidInput, match="there is no MCP server 'x'"):
        named(SERVER, "*", tool_choice={"type": "mcp", "server_label": "x"})


@pytest.mark.parametrize(
    ("approval", "search", "wipe"),
    [
        (None, True, True),
        ("never", False, False),
        ({"never": {"tool_names": ["search"]}}, False, True),
        ({"never": {"read_only": True}}, False, True),
        ({"always": {"tool_names": ["wipe"]}}, True, True),
        ({"always": {"tool_names": ["wipe"]}, "never": {}}, False, True),
    ],
    ids=["not said", "never", "by name", "read only", "always", "both"],
)
def test_which_calls_need_an_approval(approval: Any, search: bool, wipe: bool) -> None:
    [spec] = named(SERVER | {"require_approval": approval}, "*").options.offer.mcp
    assert (spec.must_ask(SEARCH), spec.must_ask(WIPE)) == (search, wipe)
    assert spec.offered == ToolFilter()


def test_a_transcription_session_asks_no_server() -> None:
    update = session_update({"type": "transcription", "tools": [SERVER]})
    assert allowing("*").merged(update).options.offer.mcp == ()


# --- items --------------------------------------------------------------------------------------


ITEMS: list[dict[str, Any]] = [
    {
        "type": "mcp_list_tools",
        "server_label": "docs",
        "tools": [
            {
                "name": "search",
                "description": "Searches.",
                "input_schema": {"type": "object"},
                "annotations": None,
            }
        ],
    },
    {
        "type": "mcp_call",
        "server_label": "docs",
        "name": "search",
        "arguments": "{}",
        "approval_request_id": "mcpr_1",
        "output": "found",
        "error": None,
    },
    {
        "type": "mcp_call",
        "server_label": "docs",
        "name": "search",
        "arguments": "{}",
        "approval_request_id": None,
        "output": None,
        "error": {"type": "http_error", "message": "gone", "code": 502},
    },
    {
        "type": "mcp_approval_request",
        "server_label": "docs",
        "name": "search",
        "arguments": "{}",
    },
    {
        "type": "mcp_approval_response",
        "approval_request_id": "mcpr_1",
        "approve": False,
        "reason": "no",
    },
]


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item["type"])
def test_items_of_mcp_servers_can_be_sent_back_as_they_came(item: dict[str, Any]) -> None:
    given = {"id": "i1", "object": "realtime.item", **item}
    new = new_mcp_item(given)
    assert new is not None
    assert item_object(mcp_item_of(new, "i1")) == given
    response = ResponseCreate.model_validate({"input": [given]})
    assert response.input is not None
    assert [each.id for each in items_of(response.input, History())] == ["i1"]


def test_an_approval_is_true_or_false() -> None:
    wrong = ITEMS[-1] | {"approve": "yes"}
    with pytest.raises(InvalidInput, match=r"item\.approve: .*'yes'"):
        new_mcp_item(wrong)


# --- events -------------------------------------------------------------------------------------


def mcp_call(status: Any, fault: McpFault | None = None) -> Item:
    call = ToolCall("c1", "search", '{"q":"x"}')
    record = McpRecord("mcp_call", "docs", "search", reply=R1.item_id, fault=fault)
    return Item("mcp_1", "assistant", "found", status=status, call=call, mcp=record)


@pytest.mark.parametrize("fault", [None, McpFault("protocol_error", "no", -32000)], ids=str)
def test_a_call_is_an_item_of_its_response_with_what_came_of_it(fault: McpFault | None) -> None:
    to = narrate(
        client(),
        ReplyStarted(R1),
        McpCallBegun(R1, mcp_call("in_progress")),
        McpCallDone(R1, mcp_call("completed", fault)),
        ReplyDone(R1, "completed", "", 0, ""),
    )
    assert to.kinds() == [
        *REPLY_BEGINS,
        "response.output_item.added",
        "conversation.item.added",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
        "response.mcp_call.in_progress",
        "response.mcp_call.failed" if fault else "response.mcp_call.completed",
        "conversation.item.done",
        "response.output_item.done",
        *REPLY_ENDS,
    ]
    _, item = to.only("response.done")["response"]["output"]
    assert item["output"] == (None if fault else "found")
    error = {"type": "protocol_error", "message": "no", "code": -32000}
    assert item["error"] == (error if fault else None)
    assert to.only("response.mcp_call_arguments.done")["arguments"] == '{"q":"x"}'


def test_a_request_for_approval_is_an_item_of_its_response() -> None:
    item = mcp_call("completed")
    item.mcp = McpRecord("mcp_approval_request", "docs", "search")
    to = narrate(
        client(), ReplyStarted(R1), McpAsked(R1, item), ReplyDone(R1, "completed", "", 0, "")
    )
    _, asked = to.only("response.done")["response"]["output"]
    assert (asked["type"], asked["name"], asked["arguments"]) == (
        "mcp_approval_request",
        "search",
        '{"q":"x"}',
    )


def test_the_tools_of_a_server_are_an_item_of_the_conversation() -> None:
    item = Item("mcpl_1", "system", status="in_progress", mcp=McpRecord("mcp_list_tools", "docs"))
    to = narrate(client(), McpListing(item, "before"))
    assert to.kinds() == ["conversation.item.added", "mcp_list_tools.in_progress"]
    item.status = "incomplete"
    assert narrate(client(), McpListing(item)).kinds() == ["mcp_list_tools.failed"]
    item.status, item.mcp = "completed", McpRecord("mcp_list_tools", "docs", tools=(SEARCH,))
    done = narrate(client(), McpListing(item))
    assert done.kinds() == ["mcp_list_tools.completed", "conversation.item.done"]
    [shown] = done.only("conversation.item.done")["item"]["tools"]
    assert shown["input_schema"] == {"type": "object"}
