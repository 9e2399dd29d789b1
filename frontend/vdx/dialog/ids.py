"""The ids that clients see of a session's utterances, replies and items: made here, once each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UtteranceIds:
    """`number` counts the utterances of a session from 1; `item_id` names its history item."""

    number: int
    item_id: str


@dataclass(frozen=True, slots=True)
class ReplyIds:
    """`number` counts the replies of a session from 1; `item_id` names its history item."""

    session_id: str
    number: int
    response_id: str
    item_id: str


@dataclass(frozen=True, slots=True)
class SessionIds:
    """The ids of one session, whose own id is `session_id`."""

    session_id: str

    def utterance(self, number: int) -> UtteranceIds:
        return UtteranceIds(number, f"item_{self.session_id}_u{number}")

    def reply(self, number: int) -> ReplyIds:
        session = self.session_id
        return ReplyIds(session, number, f"resp_{session}_{number}", f"item_{session}_r{number}")

    def typed_item(self, number: int) -> str:
        """The item of text that the user typed; `number` counts the session's messages."""
        return f"item_{self.session_id}_t{number}"

    def created_item(self, key: str) -> str:
        """The item that a client added without an id; `key` is unique in the process."""
        return f"item_{self.session_id}_{key}"
