"""What a session uses of the process it lives in."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from vdx.core.config import Config
from vdx.core.errors import VdxError
from vdx.dialog.call_recorder import CallRecorder
from vdx.dialog.language_following import FindModels
from vdx.dialog.profiles import SessionOptions
from vdx.dialog.tools.mcp_connection import ConnectMcp
from vdx.dialog.tools.toolbox import Perform, Tool
from vdx.dialog.tools.user import ToolUser
from vdx.speech.output.tts import Recover, Synthesize
from vdx.speech.text.responder import Responder


@dataclass(frozen=True, slots=True)
class Services:
    """Shared by all sessions of one transport.

    `recognise` opens a sequence for a session id; `can` says whether a model has a
    capability; `lead_ms` is the transport's own, if it has one;
    `transport` names it in the log. `recover_voice` and `recover_recogniser` wait for a model
    whose process died, or name another.
    """

    config: Config
    synthesize: Synthesize
    recognise: Callable[[SessionOptions, str], Any]
    can: Callable[[str, str], bool]
    responder: Callable[[SessionOptions], Responder]
    lead_ms: Callable[[], int] | None = None
    transport: str = "websocket"
    recover_voice: Recover | None = None
    recover_recogniser: Callable[[SessionOptions, VdxError], Awaitable[bool]] | None = None
    judge: Callable[[SessionOptions, bytes], Awaitable[float | None]] | None = None
    """Asks the session's endpointer; None where it has none, or none that answers in time."""
    recorder: Callable[[SessionOptions, str, Callable[[], float]], CallRecorder] | None = None
    """Records a session with these options and this id, on its clock, where its profile says so."""
    options_changed: Callable[[str, SessionOptions], None] | None = None
    """Told the id of a session and the options it takes on, as when its voice is switched."""
    server_tools: Callable[[ToolUser], Sequence[Tool]] | None = None
    """The server's tools of a session, as its options are now."""
    find_voice: FindModels | None = None
    """Finds, and loads, the voice of a language that the person has gone over to."""
    connect_mcp: ConnectMcp | None = None
    """Makes a connection to an MCP server that a client has named."""
    perform: Perform | None = None
    """Performs a call of the client's tool where the transport can; else the client answers with an
    item."""
    sounds: Callable[[str], frozenset[str]] = lambda _: frozenset()
    """The tags of the sounds that a voice makes."""
