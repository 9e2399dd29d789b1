"""The MCP servers that the client of one session has named: connected, listed, let go."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from vdx.core.config import ToolsConfig
from vdx.core.errors import McpFailed, SessionLimit, ToolFailed, VdxError
from vdx.core.logs import logger
from vdx.core.mcp import MOST_SERVERS, McpFault, McpServerSpec, McpTool, tool_name
from vdx.core.tools import ToolOffer, ToolSpec
from vdx.dialog.history import History, Item
from vdx.dialog.ids import SessionIds
from vdx.dialog.mcp_record import McpRecord
from vdx.dialog.session_events import ErrorOccurred, McpListing, SessionEvent
from vdx.dialog.tasks import SessionTasks
from vdx.dialog.tools.mcp_connection import ConnectMcp, McpConnection
from vdx.dialog.tools.toolbox import McpOrigin, Tool

log = logger(__name__)

CLOSE_S: Final = 1.0
MOST_CLOSING: Final = 2 * MOST_SERVERS


@dataclass(slots=True)
class _Server:
    connection: McpConnection
    item: Item
    listed: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class ClientMcp:
    """`tools` gives the settings of the session as they are now; `connect` None: there are none.

    A server is listed once, when it is named, as an item of the conversation. Tools that are not
    listed yet are not offered: nobody waits for a server, but a response that names one itself.
    """

    def __init__(
        self,
        connect: ConnectMcp | None,
        history: History,
        ids: SessionIds,
        tasks: SessionTasks,
        emit: Callable[[SessionEvent], None],
        tools: Callable[[], ToolsConfig],
    ) -> None:
        self._connect = connect
        self._history = history
        self._ids = ids
        self._tasks = tasks
        self._emit = emit
        self._tools = tools
        self._servers: dict[McpServerSpec, _Server] = {}
        self._count = 0
        self._closing: set[asyncio.Task[None]] = set()

    def check_room(self, named: Iterable[McpServerSpec]) -> None:
        """Raises SessionLimit where these, beside those there, are more than MOST_SERVERS.

        So it does where as many as MOST_CLOSING are still being let go.
        """
        self.check_closing()
        if (count := len({*named, *self._servers})) > MOST_SERVERS:
            raise SessionLimit(f"a session may name {MOST_SERVERS} MCP servers, not {count}")

    def check_closing(self) -> None:
        """Raises SessionLimit where as many as MOST_CLOSING are still being let go."""
        if len(self._closing) >= MOST_CLOSING:
            raise SessionLimit(
                f"{MOST_CLOSING} MCP servers of this session are being let go; name others later"
            )

    def use(self, named: Iterable[McpServerSpec]) -> None:
        """Lists the servers that were not named before, and lets go of those that are not now."""
        named = tuple(named)
        for spec in [spec for spec in self._servers if spec not in named]:
            self._let_go(self._servers.pop(spec))
        self.add(named)

    def add(self, named: Iterable[McpServerSpec]) -> None:
        """Lists the servers that were not named before; those of a response stay until `use`."""
        for spec in named:
            if spec not in self._servers and self._connect is not None:
                self._count += 1
                item_id = self._ids.mcp_item("mcpl", str(self._count))
                item = Item(item_id, "system", status="in_progress")
                item.mcp = McpRecord("mcp_list_tools", spec.label)
                server = self._servers[spec] = _Server(self._connect(spec), item)
                previous = self._history.add(item)
                self._emit(McpListing(item, previous))
                server.task = self._tasks.spawn(
                    partial(self._list, spec, server), f"mcp-{spec.label}", self._broke
                )

    async def _list(self, spec: McpServerSpec, server: _Server) -> None:
        limit_ms = self._tools().timeout_ms
        record = server.item.mcp
        try:
            async with asyncio.timeout(limit_ms / 1000):
                tools = await server.connection.list_tools()
        except (VdxError, TimeoutError) as error:
            late = f"it did not answer within {limit_ms} ms (tools.timeout_ms)"
            why = error.message if isinstance(error, VdxError) else late
            server.item.status = "incomplete"
            self._emit(McpListing(server.item))
            message = f"the MCP server {spec.label!r} lists no tools: {why}"
            self._emit(ErrorOccurred(_as_failure(error, message)))
            await server.connection.close()
        else:
            if record is not None:
                record.tools = tuple(tool for tool in tools if spec.offered.has(tool))
            server.item.status = "completed"
            log.info("MCP server listed", server=spec.label, tools=len(tools))
            self._emit(McpListing(server.item))
        finally:
            server.listed.set()

    def _broke(self, error: VdxError) -> None:
        self._emit(ErrorOccurred(error))

    async def ready(self, named: Iterable[McpServerSpec]) -> None:
        """Waits until each of these has listed its tools, or failed."""
        for spec in named:
            if (server := self._servers.get(spec)) is not None:
                await server.listed.wait()

    def offered(self, offer: ToolOffer) -> list[Tool]:
        """The tools of the servers of an offer, as far as they are listed."""
        tools: dict[str, Tool] = {}
        for spec in offer.mcp:
            server = self._servers.get(spec)
            record = server.item.mcp if server else None
            for tool in record.tools if record else ():
                name = tool_name(tool.name)
                # Of two servers with a tool of one name, both can be called.
                name = name if name not in tools else tool_name(f"{spec.label}_{tool.name}")
                tools.setdefault(name, self._tool(name, tool, spec))
        return list(tools.values())

    def _tool(self, name: str, tool: McpTool, spec: McpServerSpec) -> Tool:
        perform = partial(self._servers[spec].connection.call, tool.name)
        origin = McpOrigin(spec.label, tool.name, spec.must_ask(tool))
        return Tool(ToolSpec(name, tool.description, tool.schema), perform, spec.label, origin)

    def stop(self) -> None:
        """Gives up what is being listed: the session ends."""
        for server in self._servers.values():
            if server.task is not None:
                server.task.cancel()

    async def close(self) -> None:
        """Ends every connection; waits CLOSE_S for servers that do not say goodbye."""
        for server in self._servers.values():
            self._let_go(server)
        self._servers.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await asyncio.gather(*self._closing, return_exceptions=True)

    def _let_go(self, server: _Server) -> None:
        if server.task is not None:
            server.task.cancel()
        server.listed.set()
        task = asyncio.create_task(server.connection.close(), name="mcp-close")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _as_failure(error: Exception, message: str) -> ToolFailed:
    """The same failure in words that name the server."""
    if isinstance(error, McpFailed):
        return McpFailed(message, error.fault)
    return McpFailed(message, McpFault("protocol_error", message))
