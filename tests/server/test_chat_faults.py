"""A chat endpoint that refuses, hangs or breaks off: a spoken apology, and the session lives."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.server.chat_endpoint import ChatEndpoint, answering
from tests.server.processes import WAIT_LIMIT_S, running
from tests.server.talk import talking
from vdx.serving.embedded import EmbeddedTriton

GOODBYE = "Goodbye, Nguyen of nginx."
APOLOGY = "Sorry, I cannot answer right now."
MODES = ("fine", "refuse", "hang", "break", "garbage")


class _Endpoint(ChatEndpoint):
    """The first part of the path is how it behaves."""

    ended = threading.Event()

    def answer(self, asked: dict[str, Any]) -> None:
        mode = self.path.split("/")[1]
        if mode == "refuse":
            self.send_error(503)
            return
        self.begin()
        if mode == "hang":
            self.ended.wait(WAIT_LIMIT_S)
        elif mode == "garbage":
            self.send(b"data: {nonsense\n\n")
            self.send(b"")
        else:
            self.tell({"content": "All is well today. "})
            if mode == "break":
                return
            self.tell({"content": "Goodbye."})
            self.done()


@pytest.fixture(scope="module")
def server(
    triton: EmbeddedTriton, base_config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    def chat(endpoint: str, mode: str) -> dict[str, Any]:
        own: dict[str, Any] = {"base_url": f"{endpoint}/{mode}/v1", "retries": 0}
        if mode == "hang":  # the others answer, however late on a busy machine
            own |= {"first_token_timeout_ms": 700, "next_token_timeout_ms": 700}
        return {"responder": {"kind": "chat", "chat": own}, "voice": "tone-fast"}

    def stands_in(endpoint: str) -> dict[str, Any]:
        """The first endpoint refuses, the second hangs, the third answers."""
        profile = chat(endpoint, "refuse")
        profile["responder"]["chat"]["fallbacks"] = [
            {"base_url": f"{endpoint}/hang/v1", "first_token_timeout_ms": 700},
            {"base_url": f"{endpoint}/fine/v1"},
        ]
        return profile

    patient = {
        "voice": "espeak-en",
        "idle": {
            "after_ms": 1000,
            "text": "Are you still there?",
            "goodbye_after_ms": 1000,
            "goodbye_text": GOODBYE,
        },
        "pronunciation": {"Nguyen": "/wˈɪn/", "nginx": "engine x"},
    }
    arguments = ("frontend", "--triton-url", triton.grpc_url, "--port", "0")
    home = tmp_path_factory.mktemp("chat")
    with answering(_Endpoint) as endpoint:
        profiles = {"vdx": {}} | {mode: chat(endpoint, mode) for mode in MODES}
        profiles["stands-in"] = stands_in(endpoint)
        profiles["patient"] = chat(endpoint, "fine") | patient
        with running(*arguments, home=home, config=base_config | {"profiles": profiles}) as vdx:
            yield vdx.url()
            assert "Traceback" not in vdx.output, vdx.output
        _Endpoint.ended.set()


async def test_an_endpoint_answers(server: str) -> None:
    async with talking(server, "fine") as talk:
        done = await talk.full_turn()
        assert done["response"]["status"] == "completed"
        spoken = done["response"]["output"][0]["content"][0]["transcript"]
        assert spoken == "All is well today. Goodbye."


@pytest.mark.parametrize("mode", ["refuse", "hang", "break", "garbage"])
async def test_a_failure_is_apologised_for(server: str, mode: str) -> None:
    async with talking(server, mode) as talk:
        for _ in range(2):
            mark = len(talk.events)
            done = await talk.full_turn()
            error = await talk.error(mark)
            assert error["service"] == "responder"
            spoken = done["response"]["output"][0]["content"][0]["transcript"]
            assert spoken.endswith(APOLOGY)
            assert spoken.startswith("All is well today.") == (mode == "break")
            assert talk.audio(done["response"]["id"]).size > 24_000 // 2


async def test_another_endpoint_answers_where_one_fails(server: str) -> None:
    async with talking(server, "stands-in") as talk:
        for _ in range(2):
            done = await talk.full_turn()
            spoken = done["response"]["output"][0]["content"][0]["transcript"]
            assert spoken == "All is well today. Goodbye."
        assert not talk.of("error")


async def test_who_stays_silent_is_asked_said_goodbye_to_and_hung_up_on(server: str) -> None:
    """By a voice of espeak-ng, with words that are respelled and in IPA."""
    async with talking(server, "patient") as talk:
        await talk.full_turn()
        done = await talk.wait("response.done", count=3)
        said = [
            event["response"]["output"][0]["content"][0]["transcript"]
            for event in talk.of("response.done")
        ]
        assert said[1:] == ["Are you still there?", GOODBYE]
        assert done["response"]["status"] == "completed"
        assert talk.audio(done["response"]["id"]).size > 24_000
        assert not talk.of("error")
        await talk.closing()
