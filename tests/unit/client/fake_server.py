"""A tiny server of the Realtime protocol: greets, takes updates, answers with scripted audio."""

import base64
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from websockets.asyncio.server import ServerConnection, serve

FRAMES_BEFORE_ANSWER = 10


@dataclass
class FakeServer:
    """Answers once `answer_after` frames of audio came; `refuses` every session.update."""

    answer_after: int = FRAMES_BEFORE_ANSWER
    answers: int = 1
    refuses: bool = False
    hangs_up: bool = False
    frames: int = 0
    updates: list[dict[str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    path: str = ""

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.headers = dict(socket.request.headers)
        self.path = socket.request.path
        await send(socket, "session.created", session={"id": "sess_1"})
        async for message in socket:
            event = json.loads(message)
            if event["type"] == "session.update":
                await self._update(socket, event["session"])
            elif event["type"] == "input_audio_buffer.append":
                self.frames += 1
                if self.frames % self.answer_after == 0 and self.answers:
                    self.answers -= 1
                    await self._answer(socket)

    async def _update(self, socket: ServerConnection, session: dict[str, Any]) -> None:
        self.updates.append(session)
        if self.refuses:
            await send(
                socket,
                "error",
                error={"message": "no such voice", "code": "not_found", "type": "x"},
            )
        else:
            await send(socket, "session.updated", session=session)
        if self.hangs_up:
            await socket.close()

    async def _answer(self, socket: ServerConnection) -> None:
        said = "conversation.item.input_audio_transcription.completed"
        await send(socket, said, item_id="i", transcript="hello")
        await send(socket, "response.created", response={"id": "r"})
        for event in ("vdx.playout.paused", "vdx.playout.resumed"):
            await send(socket, event, response_id="r", item_id="x", played_ms=0)
        tone = base64.b64encode(np.full(480, 3000, "<i2").tobytes()).decode()
        for _ in range(3):
            await send(socket, "response.output_audio.delta", response_id="r", delta=tone)
        stages = {"endpoint": 300.0, "first_audio": 320.0}
        await send(socket, "vdx.turn", speech_end_to_first_audio_ms=320.0, stages=stages)
        output = [{"content": [{"type": "output_audio", "transcript": "You said: hello"}]}]
        response = {"id": "r", "status": "completed", "output": output}
        await send(socket, "response.done", response=response)


async def send(socket: ServerConnection, kind: str, **fields: Any) -> None:
    await socket.send(json.dumps({"type": kind, **fields}))


@contextlib.asynccontextmanager
async def serving(fake: FakeServer) -> AsyncIterator[str]:
    """The address of the server, `http://…`."""
    async with serve(fake.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
