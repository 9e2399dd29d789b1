"""Shapes of the OpenAI Realtime protocol (GA) that vdx sends; JSON in, JSON out, no state."""

import itertools
import json
from collections.abc import Mapping
from typing import Any

from vdx.core.errors import InvalidInput, SessionLimit, VdxError
from vdx.core.tools import ToolCall
from vdx.dialog.history import Item
from vdx.dialog.ids import ReplyIds
from vdx.dialog.reply_request import ReplyRequest
from vdx.transports.realtime.mcp_objects import mcp_item

_ids = itertools.count(1)


def event_id() -> str:
    return f"event_{next(_ids):x}"


def encode(kind: str, **fields: Any) -> str:
    """One server event as JSON text."""
    return json.dumps({"type": kind, "event_id": event_id(), **fields}, separators=(",", ":"))


def error_event(error: VdxError, client_event: str | None = None) -> str:
    """The protocol's error event; `service` and `retryable` are vdx's additions."""
    mistake = isinstance(error, InvalidInput | SessionLimit)
    return encode(
        "error",
        error={
            "type": "invalid_request_error" if mistake else "server_error",
            "param": getattr(error, "param", None),
            "event_id": client_event,
            **error.fields,
        },
    )


def item_object(item: Item) -> dict[str, Any]:
    """A history item as a conversation item; speech not understood yet has no transcript."""
    if item.mcp is not None:
        return mcp_item(item, item.mcp)
    if item.call is not None:
        return call_item(item.id, item.call, item.status)
    if item.answers:
        output = {"type": "function_call_output", "call_id": item.answers, "output": item.text}
        return {"id": item.id, "object": "realtime.item", "status": "completed", **output}
    way = "output" if item.role == "assistant" else "input"
    if item.spoken:
        content = {"type": f"{way}_audio", "transcript": item.text or None}
    else:
        content = {"type": f"{way}_text", "text": item.text}
    return _message(item.id, item.role, item.status, [content])


def audio_item(item_id: str, transcript: str | None) -> dict[str, Any]:
    """An utterance as a conversation item; its transcript follows later."""
    content = {"type": "input_audio", "transcript": transcript}
    return _message(item_id, "user", "completed", [content])


def reply_item(
    item_id: str, status: str, text: str | None, *, written: bool = False
) -> dict[str, Any]:
    """A reply as a conversation item, its text or transcript; no content while it has none."""
    if text is None:
        return _message(item_id, "assistant", status, [])
    content = (
        {"type": "output_text", "text": text}
        if written
        else {"type": "output_audio", "transcript": text}
    )
    return _message(item_id, "assistant", status, [content])


def call_item(item_id: str, call: ToolCall, status: str) -> dict[str, Any]:
    """A call of a client's tool as a conversation item."""
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "function_call",
        "status": status,
        "name": call.name,
        "call_id": call.call_id,
        "arguments": call.arguments,
    }


def _message(item_id: str, role: str, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": status,
        "role": role,
        "content": content,
    }


def response_object(
    reply: ReplyIds,
    status: str,
    output: list[dict[str, Any]],
    session: Mapping[str, Any],
    own: ReplyRequest,
    details: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The response of response.created and response.done; `own` is what it has of its own."""
    output_audio = dict(session["audio"]["output"])
    if own.voice is not None:
        output_audio["voice"] = str(own.voice)
    most = session["max_output_tokens"] if own.max_tokens is None else own.max_tokens
    conversation = reply.session.conversation_id if own.in_conversation else None
    return {
        "object": "realtime.response",
        "id": reply.response_id,
        "status": status,
        "status_details": details,
        "output": output,
        "conversation_id": conversation,
        "output_modalities": ["text" if own.text_only else "audio"],
        "max_output_tokens": most,
        "audio": {"output": output_audio},
        "usage": None,
        "metadata": None if own.metadata is None else dict(own.metadata),
    }
