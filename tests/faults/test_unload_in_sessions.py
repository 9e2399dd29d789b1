"""A voice that is unloaded and loaded again, round after round, under a session that speaks."""

import asyncio

from tests.repetitions import Repetitions
from tests.server.processes import Http
from tests.server.talk import Talk, talking
from vdx.serving.embedded import EmbeddedTriton

VOICE = "tone"


async def ask(http: Http, action: str) -> int:
    """The status of the admin API's answer."""
    status, _ = await asyncio.to_thread(http.post, f"/vdx/models/{VOICE}/{action}")
    return status


async def typed_reply(talk: Talk, text: str) -> None:
    """Types `text` and waits until its answer begins to sound."""
    part = {"type": "input_text", "text": text}
    item = {"type": "message", "role": "user", "content": [part]}
    mark = len(talk.events)
    await talk.connection.conversation.item.create(item=item)  # type: ignore[arg-type]  # as JSON
    await talk.connection.response.create()
    await talk.wait("response.output_audio.delta", after=mark)


async def test_triton_outlives_voices_unloaded_under_sessions(
    triton: EmbeddedTriton, server: str, http: Http, repetitions: Repetitions
) -> None:
    pid = triton.pid
    for _ in range(repetitions(30)):
        assert await ask(http, "load") == 200
        async with talking(server) as talk:
            assert talk.of("session.created")[0]["session"]["audio"]["output"]["voice"] == VOICE
            await typed_reply(talk, "Go.")
            assert await ask(http, "unload") == 200
            await talk.wait("response.done")
    assert triton.pid == pid, triton.log_tail()
    assert await ask(http, "load") == 200
    async with talking(server) as talk:
        assert (await talk.full_turn())["response"]["status"] == "completed"
