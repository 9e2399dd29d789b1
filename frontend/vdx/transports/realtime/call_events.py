"""The events of calls of the client's tools, and the items that they are in their responses."""

from collections.abc import Callable
from typing import Any

from vdx.dialog.ids import ReplyIds
from vdx.dialog.session_events import CallArguments, CallBegun, CallComplete, SessionEvent
from vdx.transports.realtime.events import call_item, encode


class CallEvents:
    """`post` sends an event; `before` gives the item of the conversation in front of another."""

    def __init__(self, post: Callable[[str], None], before: Callable[[str], str | None]) -> None:
        self._send = post
        self._before = before
        self._output: dict[ReplyIds, dict[str, dict[str, Any]]] = {}
        """Of the responses under way: item id -> item."""

    def output(self, reply: ReplyIds) -> list[dict[str, Any]]:
        """The items of a response beside its message; it ends with this."""
        return list(self._output.pop(reply, {}).values())

    def notify(self, event: SessionEvent) -> None:
        """Sends what the protocol has for an event of a call."""
        match event:
            case CallBegun(reply=reply, item_id=item_id, call=call):
                item = call_item(item_id, call, "in_progress")
                where, previous = self.put(reply, item), self._before(item_id)
                self._post("response.output_item.added", **where, item=item)
                self._post("conversation.item.added", previous_item_id=previous, item=item)
            case CallArguments(reply=reply, item_id=item_id, call_id=call_id, arguments=delta):
                where = self._where(reply, item_id) | {"item_id": item_id, "call_id": call_id}
                self._post("response.function_call_arguments.delta", **where, delta=delta)
            case CallComplete():
                self._complete(event)
            case _:
                pass

    def _complete(self, event: CallComplete) -> None:
        item_id, call = event.item_id, event.call
        status = "completed" if event.complete else "incomplete"
        item = call_item(item_id, call, status)
        where = self.put(event.reply, item)
        if event.complete:
            self._post(
                "response.function_call_arguments.done",
                **where,
                item_id=item_id,
                call_id=call.call_id,
                name=call.name,
                arguments=call.arguments,
            )
        previous = self._before(item_id)
        self._post("conversation.item.done", previous_item_id=previous, item=item)
        self._post("response.output_item.done", **where, item=item)

    def put(self, reply: ReplyIds, item: dict[str, Any]) -> dict[str, Any]:
        """Makes an item, as it is now, one of a response; where in it events say it is."""
        self._output.setdefault(reply, {})[item["id"]] = item
        return self._where(reply, item["id"])

    def _where(self, reply: ReplyIds, item_id: str) -> dict[str, Any]:
        """The reply's message is its first item."""
        index = 1 + list(self._output[reply]).index(item_id)
        return {"response_id": reply.response_id, "output_index": index}

    def _post(self, kind: str, **fields: Any) -> None:
        self._send(encode(kind, **fields))
