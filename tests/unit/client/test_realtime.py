import base64
import json

import pytest

from tests.unit.client.fake_server import FakeServer, serving
from vdx.client.realtime import RealtimeClient, append_message, realtime_address
from vdx.core.audio_formats import WireFormat
from vdx.core.errors import ConnectionLost, InvalidInput, UnknownName


async def test_a_session_is_opened_and_configured() -> None:
    fake = FakeServer()
    async with (
        serving(fake) as url,
        RealtimeClient.connect(url, profile="de", api_key="secret") as client,
    ):
        await client.update_session(voice="tone", instructions="be brief", events=True)
        assert client.ready_ms > 0
    assert fake.path == "/v1/realtime?model=de"
    assert fake.headers["authorization"] == "Bearer secret"
    [session] = fake.updates
    assert session["vdx"] == {"events": True}
    assert session["instructions"] == "be brief"
    assert session["audio"]["output"] == {
        "format": {"type": "audio/pcm", "rate": 24_000},
        "voice": "tone",
    }


async def test_nothing_of_vdx_is_sent_unasked() -> None:
    fake = FakeServer()
    async with serving(fake) as url, RealtimeClient.connect(url) as client:
        await client.update_session()
    assert "vdx" not in fake.updates[0]
    assert fake.path == "/v1/realtime"


async def test_a_refused_session_is_an_error_that_says_why() -> None:
    async with serving(FakeServer(refuses=True)) as url, RealtimeClient.connect(url) as client:
        with pytest.raises(InvalidInput, match=r"^the server refused the session: no such voice$"):
            await client.update_session(voice="nobody")


async def test_audio_reaches_the_listener_and_the_log() -> None:
    async with serving(FakeServer(answer_after=1)) as url, RealtimeClient.connect(url) as client:
        seen: list[str] = []
        client.on_event = lambda event, now: seen.append(event["type"])
        await client.append(bytes(960))
        await client.wait_for(lambda: client.log.count("response.done") == 1)
        assert client.listener.samples_of("r").size == 3 * 480
        assert client.log.replies["r"].text == "You said: hello"
        assert seen.count("response.output_audio.delta") == 3


async def test_a_client_at_the_rate_of_telephones_speaks_and_hears_g711() -> None:
    fake = FakeServer(answer_after=1)
    async with serving(fake) as url, RealtimeClient.connect(url, rate=8_000) as client:
        await client.update_session()
        assert fake.updates[0]["audio"]["input"] == {"format": {"type": "audio/pcmu"}}
        await client.append(bytes(320))
        await client.wait_for(lambda: client.log.count("response.done") == 1)
        assert client.listener.samples_of("r").size == 3 * 960, "a byte is a sample"
    message = json.loads(append_message(bytes(320), 8_000))
    raw = base64.b64decode(message["audio"])
    assert WireFormat("audio/pcmu", 8_000).decode(raw).tolist() == [0] * 160


async def test_a_server_that_hangs_up_is_noticed() -> None:
    async with serving(FakeServer(hangs_up=True)) as url, RealtimeClient.connect(url) as client:
        await client.update_session()
        with pytest.raises(ConnectionLost):
            await client.wait_for(lambda: False)
        with pytest.raises(ConnectionLost):
            await client.append(bytes(960))
        assert client.lost is not None


async def test_waiting_has_an_end() -> None:
    async with serving(FakeServer()) as url, RealtimeClient.connect(url) as client:
        with pytest.raises(TimeoutError):
            await client.wait_for(lambda: False, seconds=0.01)


async def test_no_server_is_an_error_that_names_the_address() -> None:
    with pytest.raises(ConnectionLost, match=r"ws://127\.0\.0\.1:1/v1/realtime"):
        async with RealtimeClient.connect("http://127.0.0.1:1"):
            pytest.fail("nobody listens there")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://h:1", "ws://h:1/v1/realtime"),
        ("https://h/", "wss://h/v1/realtime"),
        ("ws://h:1/v1/realtime", "ws://h:1/v1/realtime"),
        ("wss://h/v1/realtime?a=b", "wss://h/v1/realtime?a=b"),
    ],
)
def test_addresses(url: str, address: str) -> None:
    assert realtime_address(url) == address


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://h", ""])
def test_an_address_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="expected http"):
        realtime_address(url)


def test_the_profile_joins_a_query() -> None:
    assert realtime_address("ws://h/v1/realtime?a=b", "de").endswith("?a=b&model=de")


async def test_a_refusal_is_told_in_the_servers_words() -> None:
    from websockets.asyncio.server import ServerConnection, serve
    from websockets.http11 import Request, Response

    error = {"message": "there is no profile 'nope'", "code": "not_found"}
    full = {"message": "full", "code": "limit_reached"}
    words = [json.dumps({"error": error}), json.dumps({"error": full}), "[]", "busy"]

    def refuse(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(404, words.pop(0))

    async def nobody(_: ServerConnection) -> None:
        raise AssertionError("nobody is let in")

    async with serve(nobody, "127.0.0.1", 0, process_request=refuse) as server:
        port = server.sockets[0].getsockname()[1]
        for kind, told in (
            (UnknownName, "there is no profile 'nope'"),
            (ConnectionLost, "full"),
            (ConnectionLost, "HTTP 404"),
            (ConnectionLost, "HTTP 404"),
        ):
            with pytest.raises(kind, match=told):
                async with RealtimeClient.connect(f"http://127.0.0.1:{port}"):
                    pass
