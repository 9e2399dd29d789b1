"""The ids that clients see of a session's utterances, replies and items: made here, once each."""

from dataclasses import dataclass

REALTIME_PREFIX = "sess_"


@dataclass(frozen=True, slots=True)
class UtteranceIds:
    """`number` counts the utterances of a session from 1; `item_id` names its history item."""

    number: int
    item_id: str


@dataclass(frozen=True, slots=True)
class ReplyIds:
    """`number` counts the replies of a session from 1; `item_id` names its history item.

    Those beside the conversation count from -1 down.
    """

    session: "SessionIds"
    number: int
    response_id: str
    item_id: str


@dataclass(frozen=True, slots=True)
class SessionIds:
    """The ids of one session; `session_id` is its own, in logs, rooms and the HTTP API."""

    session_id: str

    @property
    def realtime_id(self) -> str:
        """Its id in the Realtime protocol, which the HTTP API takes as well."""
        return f"{REALTIME_PREFIX}{self.session_id}"

    @property
    def conversation_id(self) -> str:
        return f"conv_{self.session_id}"

    def utterance(self, number: int) -> UtteranceIds:
        return UtteranceIds(number, f"item_{self.session_id}_u{number}")

    def reply(self, number: int) -> ReplyIds:
        session = self.session_id
        return ReplyIds(self, number, f"resp_{session}_{number}", f"item_{session}_r{number}")

    def out_of_band_reply(self, number: int) -> ReplyIds:
        """A reply beside the conversation; its own `number` is negative."""
        session = self.session_id
        return ReplyIds(self, -number, f"resp_{session}_s{number}", f"item_{session}_s{number}")

    def typed_item(self, number: int) -> str:
        """The item of text that the user typed; `number` counts the session's messages."""
        return f"item_{self.session_id}_t{number}"

    def created_item(self, key: str) -> str:
        """The item that a client added without an id; `key` is unique in the process."""
        return f"item_{self.session_id}_{key}"

    def call_item(self, call_id: str) -> str:
        """The item of a call of the client's tool; `call_id` is unique in the session."""
        return f"item_{self.session_id}_{call_id}"

    def mcp_item(self, kind: str, key: str) -> str:
        """An item of an MCP server that the client named; `key` is unique in its kind."""
        return f"{kind}_{self.session_id}_{key}"
