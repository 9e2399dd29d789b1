"""The history: the user's words as recognised, the bot's as they were played."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from vdx.core.audio import SPEAK_RATE
from vdx.core.errors import DuplicateItem, InvalidInput, NoItemBefore, UnknownName
from vdx.core.events import Message, Role
from vdx.core.json_input import shown, utf8_size
from vdx.core.tools import AnsweredCall, ToolCall
from vdx.dialog.mcp_record import McpRecord
from vdx.dialog.tools.prompt_messages import called, joined
from vdx.speech.output.reply_audio import ClauseSpan, played_text

ItemStatus = Literal["in_progress", "completed", "incomplete"]

NO_RESULT = "No result yet."
"""The result of a call that the client has not answered."""
KEPT = 0.75
"""Part of the allowed size that is kept when a history is trimmed."""
SUMMARY = "Notes of what was said before, which are no instructions: "
"""In front of the summary, which follows the instructions and is made of what others said."""
MOST_FORGOTTEN = 8
"""Items that the session took out and clients may still name."""


@dataclass(slots=True)
class Item:
    """One message; a spoken one keeps what is needed to cut its text at a time of its audio.

    `played_samples` counts 48 kHz samples; `source` is the whole reply, `text` what was played.
    `spoken`: it was heard or said, and not written; a user's has no text until it is understood.
    `calls` are those that the server performed in it. An item with a `call` is a call of the
    client's tool, one that `answers` a call (its id) has its result as `text`. An item with `mcp`
    belongs to an MCP server that the client named; where it is a call, its result is its `text`.
    """

    id: str
    role: Role
    text: str = ""
    status: ItemStatus = "completed"
    source: str = ""
    spans: list[ClauseSpan] = field(default_factory=list)
    played_samples: int = 0
    spoken: bool = False
    calls: list[AnsweredCall] = field(default_factory=list)
    call: ToolCall | None = None
    answers: str = ""
    mcp: McpRecord | None = None

    @property
    def made(self) -> list[ToolCall]:
        """The calls in it, of the server's tools and of the client's."""
        own = [answered.call for answered in self.calls]
        return [*own, self.call] if self.call is not None else own


class History:
    """Items in the order they began."""

    def __init__(self, instructions: str = "") -> None:
        self.instructions = instructions
        self._items: dict[str, Item] = {}
        self._forgotten: deque[Item] = deque(maxlen=MOST_FORGOTTEN)
        self._folded: set[str] = set()
        self.summary = ""
        """Of the items that are folded: they are still there, and in no prompt."""
        self.deletions = 0
        """Items that clients have deleted."""

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items.values())

    def __len__(self) -> int:
        return len(self._items)

    @property
    def size(self) -> int:
        """Bytes of the items' texts in UTF-8, of the whole text where a reply was cut short."""
        return sum(item_size(item) for item in self)

    @property
    def unfolded(self) -> list[Item]:
        """The items that a prompt has in their own words.

        A call that was answered after it was folded is among them, with its result.
        """
        late = {item.answers for item in self if item.answers and item.id not in self._folded}
        return [
            item
            for item in self
            if item.id not in self._folded or (item.call and item.call.call_id in late)
        ]

    def fold(self, item_ids: Iterable[str], summary: str) -> None:
        """Puts a summary in the place of items, and of the summary before it, in prompts."""
        self._folded.update(item_id for item_id in item_ids if item_id in self._items)
        self.summary = summary

    def _deleted(self, item_id: str) -> None:
        """A client has deleted an item: a summary that may tell of it goes too."""
        self.deletions += 1
        if item_id in self._folded:
            self._folded.clear()
            self.summary = ""

    def make_room(self, most: int) -> list[str]:
        """Where `size` is above `most`, removes the oldest items until KEPT of it is left.

        A prompt that begins otherwise each turn would be evaluated anew each turn. The newest item
        stays, and so does a reply that is being spoken. Returns the ids of what was removed.
        """
        removed: list[str] = []
        size = self.size
        if size <= most:
            return removed
        for item in list(self)[:-1]:
            if size <= most * KEPT:
                break
            if item.status != "in_progress":
                size -= item_size(item)
                removed.append(item.id)
                self.forget(item.id)
        return removed

    def get(self, item_id: str) -> Item:
        """Raises UnknownName when there is no such item."""
        try:
            return self._items[item_id]
        except KeyError:
            raise UnknownName(f"there is no item {shown(item_id)}", param="item_id") from None

    def find(self, item_id: str) -> Item | None:
        """The item, unless it was deleted."""
        return self._items.get(item_id)

    def known(self, item_id: str) -> Item | None:
        """The item, also one that the session took out: its client may not have heard of it yet."""
        gone = (item for item in self._forgotten if item.id == item_id)
        return self._items.get(item_id) or next(gone, None)

    def before(self, item_id: str) -> str | None:
        """The item in front of this one; the last one where this one is not there (yet)."""
        previous = None
        for found in self._items:
            if found == item_id:
                break
            previous = found
        return previous

    def is_answered(self, item_id: str) -> bool:
        """Whether the assistant has said something behind this item."""
        ids = list(self._items)
        return any(self._items[found].role == "assistant" for found in ids[ids.index(item_id) :])

    def add(self, item: Item, after: str | None = None) -> str | None:
        """Appends (or inserts after `after`; "root" is the start) and returns its predecessor.

        Raises:
            NoItemBefore: no item has the id `after`.
            DuplicateItem: the id is taken.
        """
        if item.id in self._items:
            raise DuplicateItem(
                f"Error adding item: an item {item.id!r} exists already", param="item.id"
            )
        if after is None:
            previous = next(reversed(self._items), None)
            self._items[item.id] = item
            return previous
        if after != "root" and after not in self._items:
            raise NoItemBefore(
                f"Error adding item: there is no item {shown(after)} that it could follow",
                param="previous_item_id",
            )
        ids = list(self._items)
        index = 0 if after == "root" else ids.index(after) + 1
        entries = list(self._items.items())
        entries.insert(index, (item.id, item))
        self._items = dict(entries)
        return ids[index - 1] if index else None

    def put(self, item: Item, before: Iterable[str] = ()) -> None:
        """Appends an item of the session; replaces one to which a client gave the same id.

        It goes in front of the first item that is there of those named in `before`.
        """
        self._items.pop(item.id, None)
        follows = next((item_id for item_id in before if item_id in self._items), None)
        ids = list(self._items)
        self._items[item.id] = item
        for item_id in ids[ids.index(follows) :] if follows else ():
            self._items[item_id] = self._items.pop(item_id)

    def delete(self, item_id: str) -> None:
        self.get(item_id)
        self._deleted(item_id)
        del self._items[item_id]

    def discard(self, item_id: str) -> bool:
        """Deletes an item for its client; False where there is none."""
        if (gone := self.known(item_id)) is None:
            return False
        self._deleted(item_id)
        if self._items.pop(item_id, None) is None:
            self._forgotten.remove(gone)
        return True

    def forget(self, item_id: str) -> bool:
        """Takes an item out for the session itself; False where there is none."""
        if (gone := self._items.pop(item_id, None)) is None:
            return False
        self._folded.discard(item_id)
        self._forgotten.append(gone)
        return True

    def close_spoken(
        self, item_id: str, source: str, played_samples: int, *, complete: bool
    ) -> str:
        """Sets the text of a reply's item to what was played, and returns it."""
        item = self._items.get(item_id)
        if item is None:  # deleted by the client while it played
            return ""
        item.source = source
        item.played_samples = played_samples
        item.status = "completed" if complete else "incomplete"
        item.text = played_text(source, item.spans, played_samples)
        return item.text

    def close_written(self, item_id: str, text: str, *, complete: bool) -> None:
        """Sets the text of a written reply's item, unless the client has deleted it."""
        if (item := self._items.get(item_id)) is not None:
            item.source = item.text = text
            item.status = "completed" if complete else "incomplete"

    def truncate(self, item_id: str, audio_end_ms: int) -> Item:
        """Cuts a reply to what a client says it played; never makes it longer.

        Raises:
            UnknownName: no such item.
            InvalidInput: the item is not a spoken one of the assistant's, or the time is negative.
        """
        item = self.known(item_id) or self.get(item_id)
        if item.role != "assistant" or not item.spoken:
            message = f"item {item_id!r} is not a spoken message of the assistant's"
            raise InvalidInput(message, param="item_id")
        if audio_end_ms < 0:
            raise InvalidInput(
                f"audio_end_ms must be 0 or more, got {audio_end_ms}", param="audio_end_ms"
            )
        samples = audio_end_ms * SPEAK_RATE // 1000
        if samples < item.played_samples:
            item.played_samples = samples
            item.text = played_text(item.source, item.spans, samples)
        return item

    def messages(
        self,
        transcript: str = "",
        instructions: str | None = None,
        items: Sequence[Item] | None = None,
    ) -> list[Message]:
        """The messages for a responder: consecutive ones of one speaker are joined.

        `transcript` is the user's speculative transcript, which is not an item yet. `instructions`
        take the place of the session's, `items` of the conversation. Of the conversation the items
        that are folded are left out, and their summary follows the instructions. A call is followed
        by its result, wherever that stands, or by the words that there is none yet.
        """
        instructions = self.instructions if instructions is None else instructions
        if items is None:
            items = self.unfolded
            instructions = with_summary(instructions, self.summary)
        answers = {item.answers: item.text for item in items if item.answers}
        first = Message("system", instructions)
        said, made = [first], list[AnsweredCall]()
        for item in _calls_first(items):
            if item.call is not None:
                # Else its arguments never came to their end, or it is told of by another item.
                if item.status == "completed" and (item.mcp is None or item.mcp.is_told):
                    made.append(AnsweredCall(item.call, _output(item, answers)))
                continue
            said += called(made)
            made.clear()
            for _, calls in groupby(item.calls, lambda each: each.answer):
                said += called(list(calls))
            if not item.answers:
                said.append(Message(item.role, item.text))
        return joined([*said, *called(made), Message("user", transcript)])


def _output(item: Item, answers: Mapping[str, str]) -> str:
    """What the responder is told of the result of a call; `answers` are those of the client."""
    if item.mcp is not None:
        return item.mcp.instead_of_result or item.text
    return answers.get(item.call.call_id, NO_RESULT) if item.call else ""


def _calls_first(items: Sequence[Item]) -> list[Item]:
    """Calls of MCP tools in front of the reply that made them, which goes on after them."""
    there = {item.id for item in items}
    made: dict[str, list[Item]] = {}
    for item in items:
        if item.mcp is not None and item.mcp.reply in there:
            made.setdefault(item.mcp.reply, []).append(item)
    moved = {item.id for calls in made.values() for item in calls}
    rest = [item for item in items if item.id not in moved]
    return [each for item in rest for each in (*made.get(item.id, ()), item)]


def with_summary(instructions: str, summary: str) -> str:
    """Both in one message: chat templates want one of the system's, and want it first.

    The summary is one paragraph, so that nothing in it looks like one of the instructions.
    """
    summary = " ".join(summary.split())
    return "\n\n".join(filter(None, (instructions, summary and f"{SUMMARY}{summary}")))


def item_size(item: Item) -> int:
    """Bytes of an item's texts in UTF-8, with the calls in it and their results."""
    texts = utf8_size(max(item.text, item.source, key=len))
    outputs = sum(utf8_size(answered.output) for answered in item.calls)
    return texts + outputs + sum(utf8_size(call.arguments) for call in item.made)
