"""Calls and their results as a client sends them, made items of the conversation."""

from vdx.core.tools import ToolCall
from vdx.core.validation import validated
from vdx.dialog.history import Item
from vdx.transports.realtime.schema import NewCall, NewCallOutput


def new_call(given: object) -> NewCall | NewCallOutput | None:
    """A call or a result, checked; None where the item is of another type."""
    match given:
        case {"type": "function_call"}:
            return validated(NewCall, given, "item")
        case {"type": "function_call_output"}:
            return validated(NewCallOutput, given, "item")
        case _:
            return None


def call_of(new: NewCall | NewCallOutput, item_id: str) -> Item:
    """The item of the history."""
    if isinstance(new, NewCallOutput):
        return Item(item_id, "tool", new.output, answers=new.call_id)
    return Item(item_id, "assistant", call=ToolCall(new.call_id, new.name, new.arguments))
