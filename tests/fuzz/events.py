"""Hostile streams of Realtime events against a real server.

After every stream the same session must answer a question, and from time to time a new one must
hold a turn. Every error must have a code that is not "internal".
"""

import asyncio
import json
from typing import TYPE_CHECKING, Any

from tests.fuzz.findings import ANSWER_S, Findings, require_libraries
from tests.fuzz.streams import LENGTH, streams
from tests.wait_limit import WAIT_LIMIT_S
from vdx.bench.client_process import Step
from vdx.bench.figures import Report
from vdx.bench.target import Target

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

TURN_EVERY = 100
"""Streams between two turns of a fresh session."""
QUESTION = {"type": "conversation.item.retrieve", "item_id": "vdx-fuzz", "event_id": "vdx-fuzz"}
FREED_S = WAIT_LIMIT_S


async def measure(target: Target, count: int, seed: int, step: Step | None = None) -> Report:
    """`count` messages, in streams of LENGTH; the same seed sends the same ones."""
    require_libraries()
    before = await target.status()
    findings = await asyncio.to_thread(_run, target, count, seed, step)
    await _settled(target, before, findings)
    return findings.report({"count": count, "seed": seed})


def _run(target: Target, count: int, seed: int, step: Step | None) -> Findings:
    import hypothesis

    findings = Findings("events")
    address = f"{target.url.replace('http', 'ws', 1)}/v1/realtime?model=vdx"
    number = 0

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=max(1, count // LENGTH),
        phases=[hypothesis.Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(streams())
    def send_stream(messages: list[str | bytes]) -> None:
        nonlocal number
        if findings.sent >= count:
            return
        _one(address, messages, findings)
        number += 1
        if number % TURN_EVERY == 0:
            _turn(address, findings)
        for _ in messages:
            if step is not None:
                step()

    send_stream()
    return findings


def _one(address: str, messages: list[str | bytes], findings: Findings) -> None:
    from websockets.exceptions import ConnectionClosed, InvalidStatus
    from websockets.sync.client import connect

    try:
        with connect(address, open_timeout=ANSWER_S, max_queue=None) as socket:
            for message in messages:
                socket.send(message)
                findings.sent += 1
            socket.send(json.dumps(QUESTION))
            while not _is_answer(_receive(socket, findings)):
                pass
    except TimeoutError:
        findings.found("hang", f"no answer for {ANSWER_S:.0f} s", messages)
    except (ConnectionClosed, InvalidStatus, OSError) as error:
        findings.found("session died", repr(error), messages)


def _receive(socket: "ClientConnection", findings: Findings) -> dict[str, Any]:
    event = json.loads(socket.recv(timeout=ANSWER_S))
    kind = event.get("type")
    if not isinstance(kind, str) or not event.get("event_id"):
        findings.found("shapeless event", json.dumps(event))
        return {}
    findings.answers[kind] += 1
    if kind == "error":
        told = event.get("error", {})
        if not told.get("message") or told.get("code") in (None, "", "internal"):
            findings.found("error without a code", json.dumps(event))
    return dict(event)


def _is_answer(event: dict[str, Any]) -> bool:
    return event.get("type") == "error" and event["error"].get("event_id") == QUESTION["event_id"]


def _turn(address: str, findings: Findings) -> None:
    """A fresh session must still hold a conversation."""
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect

    part = {"type": "input_text", "text": "Hi."}
    item = {"type": "message", "role": "user", "content": [part]}
    try:
        with connect(address, open_timeout=ANSWER_S, max_queue=None) as socket:
            socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
            socket.send(json.dumps({"type": "response.create"}))
            while (event := _receive(socket, findings)).get("type") != "response.done":
                pass
            if event["response"]["status"] != "completed":
                findings.found("turn failed", json.dumps(event))
    except (TimeoutError, WebSocketException, OSError) as error:
        findings.found("no turn", repr(error))


async def _settled(target: Target, before: dict[str, Any], findings: Findings) -> None:
    """The same process still serves, and nothing of the sessions is left in it."""
    deadline = asyncio.get_running_loop().time() + FREED_S
    while True:
        after = await target.status()
        left = after["sessions"] - before["sessions"], after["tasks"] - before["tasks"]
        if max(left) <= 0:
            break
        if asyncio.get_running_loop().time() > deadline:
            findings.found("left behind", f"{left[0]} sessions, {left[1]} tasks")
            break
        await asyncio.sleep(0.1)
    if after["pid"] != before["pid"] or after["triton_pid"] != before["triton_pid"]:
        findings.found("crash", f"processes before {before}, after {after}")
