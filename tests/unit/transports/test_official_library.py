"""The official `openai` library against the real application, served in this process.

The voice is a fake and nothing is recognised: what counts is what the library sends and reads.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from tests.unit.test_app import hosted
from tests.wait_limit import WAIT_LIMIT_S
from vdx.transports.http.application import create_app

KEY = "a-key-of-24-characters.."
SAYS: Any = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "One two three four five six seven eight nine."}],
}


@asynccontextmanager
async def serving() -> AsyncIterator[str]:
    """The address of a server with a key."""
    _, host = hosted(server={"api_keys": [KEY]})
    await host.load_defaults()
    config = uvicorn.Config(
        create_app(host), host="127.0.0.1", port=0, ws="websockets-sansio", log_config=None
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(WAIT_LIMIT_S):
            while not server.started:  # noqa: ASYNC110  (it sets no event)
                await asyncio.sleep(0.01)
        yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
        await host.close()


def library(address: str, key: str = KEY) -> AsyncOpenAI:
    return AsyncOpenAI(
        api_key=key, base_url=f"http://{address}/v1", websocket_base_url=f"ws://{address}/v1"
    )


async def until(connection: AsyncRealtimeConnection, kind: str) -> Any:
    """The next event of a kind; an error before it fails."""
    async with asyncio.timeout(WAIT_LIMIT_S):
        async for event in connection:
            assert kind == "error" or event.type != "error", event
            if event.type == kind:
                return event
    raise AssertionError(f"the socket closed before {kind}")


async def test_a_conversation_with_an_interruption() -> None:
    async with (
        serving() as address,
        library(address) as client,
        client.realtime.connect(model="gpt-realtime") as connection,
    ):
        await connection.conversation.item.create(item=SAYS)
        await connection.response.create()
        delta = await until(connection, "response.output_audio.delta")
        await connection.conversation.item.truncate(
            item_id=delta.item_id, content_index=0, audio_end_ms=20
        )
        done = await until(connection, "response.done")
        assert done.response.status == "cancelled"
        assert done.response.usage.total_tokens > 0
        truncated = await until(connection, "conversation.item.truncated")
        assert truncated.audio_end_ms <= 20
        await connection.response.cancel()
        refused = await until(connection, "error")
        assert refused.error.code == "response_cancel_not_active"
        session: Any = {"type": "realtime", "output_modalities": ["text"]}
        await connection.session.update(session=session)
        assert (await until(connection, "session.updated")).session.output_modalities == ["text"]
        await connection.response.create(response={"conversation": "none", "input": [SAYS]})
        text = (await until(connection, "response.output_text.done")).text
        assert text.endswith("eight nine.")
        await until(connection, "response.done")


async def test_a_browser_with_a_client_secret() -> None:
    async with serving() as address, library(address) as client:
        session: Any = {"type": "realtime", "instructions": "From the secret."}
        secret = await client.realtime.client_secrets.create(session=session)
        assert secret.session.type == "realtime"
        async with (
            library(address, secret.value) as browser,
            browser.realtime.connect(model="gpt-realtime") as connection,
        ):
            created = await until(connection, "session.created")
            assert created.session.instructions == "From the secret."
