"""Clients that others wrote for OpenAI, the official library among them, unmodified but for the
address: each asks, interrupts the answer, and has its tool called."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.server.chat_endpoint import ChatEndpoint, answering
from tests.server.processes import LONG_ANSWER, running
from tests.server.stock_programs import CLIENTS, MISSING, node
from tests.server.talk import clip, talking
from tests.server.tool_endpoint import WEATHER
from tests.wait_limit import WAIT_LIMIT_S
from vdx.serving.embedded import EmbeddedTriton

PYTHON = Path(__file__).parents[2] / ".venv-clients" / "bin" / "python"
HEARD = "hello there"
"""What the recogniser understands of every sentence."""


class _Endpoint(ChatEndpoint):
    """A long answer to the first question; for the second it calls the tool that it is offered.

    Before anything was said it greets.

    `histories` holds the messages of every request of the client under test.
    """

    histories: ClassVar[list[list[dict[str, Any]]]] = []

    def answer(self, asked: dict[str, Any]) -> None:
        messages = asked["messages"]
        self.histories.append(messages)
        questions = sum(message["content"] == HEARD for message in messages)
        if messages[-1]["role"] == "tool":
            result = messages[-1]["content"].strip('"')  # some clients send JSON
            delta = {"content": f"The weather is {result}, and so it will stay."}
        elif questions == 0:
            delta = {"content": "Good morning."}
        elif questions == 1:
            delta = {"content": f"{LONG_ANSWER} {LONG_ANSWER}"}
        else:
            function = {"name": asked["tools"][0]["function"]["name"]}
            function["arguments"] = json.dumps({"city": "Oslo"})
            call = {"index": 0, "id": "call_1", "type": "function", "function": function}
            delta = {"tool_calls": [call]}
        self.begin()
        self.tell(delta)
        self.done()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with answering(_Endpoint) as url:
        yield url


@pytest.fixture(scope="module")
def server(
    triton: EmbeddedTriton,
    endpoint: str,
    base_config: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """One for all clients; they name no profile, and so meet the default one."""
    chat = {"base_url": f"{endpoint}/v1"}
    default = {"responder": {"kind": "chat", "chat": chat}, "voice": "tone-fast"}
    config = base_config | {"profiles": {"vdx": default}}
    home = tmp_path_factory.mktemp("stock")
    arguments = ("frontend", "--triton-url", triton.grpc_url, "--port", "0")
    with running(*arguments, home=home, config=config) as vdx:
        yield vdx.url()
        assert "Traceback" not in vdx.output, vdx.output


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person's sentence, int16 mono at 24 kHz without a header."""
    file = tmp_path_factory.mktemp("recording") / "speech.pcm"
    file.write_bytes(clip("ps_cards_001").tobytes())
    return file


@pytest.mark.parametrize(
    "client",
    ["openai_agents.py", "pipecat_realtime.py", "livekit_agents.py", "openai_agents.mjs"],
)
def test_a_stock_client_talks_interrupts_and_has_its_tool_called(
    client: str, server: str, recording: Path
) -> None:
    histories = _Endpoint.histories = []
    runtime = PYTHON if client.endswith(".py") else node()
    assert runtime.exists(), MISSING
    assert (CLIENTS / "node_modules").exists(), MISSING
    done = subprocess.run(
        [str(runtime), str(CLIENTS / client), server, str(recording)],
        capture_output=True,
        text=True,
        timeout=2 * WAIT_LIMIT_S,
        check=False,
    )
    sys.stderr.write(done.stderr)
    assert done.returncode == 0, done.stderr[-4000:]
    told = json.loads(done.stdout.strip().splitlines()[-1])
    assert told["errors"] == []
    assert told["cities"] == ["Oslo"]
    assert "The weather is sunny, and so it will stay." in " ".join(told["said"])
    assert told["interruptions"] >= 1
    assert told["understood"][-2:] == [HEARD, HEARD]
    _check_history(histories[-1])


async def test_the_official_library_talks_interrupts_and_has_its_tool_called(server: str) -> None:
    histories = _Endpoint.histories = []
    async with talking(server) as talk:
        session: Any = {"type": "realtime", "tools": [WEATHER]}
        await talk.connection.session.update(session=session)
        await talk.wait("session.updated")
        await talk.turn()
        await talk.wait("response.output_audio.delta", count=60)
        mark = len(talk.events)
        await talk.say(clip("ps_goforward"), then_s=1)
        cut = (await talk.wait("response.done", after=mark))["response"]
        assert cut["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        await talk.connection.conversation.item.truncate(
            item_id=cut["output"][0]["id"], content_index=0, audio_end_ms=1000
        )
        call = await talk.wait("response.function_call_arguments.done", after=mark)
        assert json.loads(call["arguments"]) == {"city": "Oslo"}
        await talk.wait("response.done", after=talk.events.index(call))
        output: Any = {
            "type": "function_call_output",
            "call_id": call["call_id"],
            "output": "sunny",
        }
        await talk.connection.conversation.item.create(item=output)
        asked = len(talk.events)
        await talk.connection.response.create()
        answer = (await talk.wait("response.done", after=asked))["response"]
        [said] = answer["output"][0]["content"]
        assert said["transcript"] == "The weather is sunny, and so it will stay."
        assert talk.of("error") == []
    _check_history(histories[-1])


def _check_history(messages: list[dict[str, Any]]) -> None:
    """Both questions, and of the answer between them what was heard."""
    first, second = (at for at, message in enumerate(messages) if message["content"] == HEARD)
    [cut] = [message["content"] for message in messages[first + 1 : second]]
    assert LONG_ANSWER.startswith(cut[:20])
    assert len(cut) < 2 * len(LONG_ANSWER)
