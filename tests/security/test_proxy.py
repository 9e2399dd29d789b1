"""Page, API and conversations through a real nginx with the settings of docs/proxy/nginx.conf."""

import asyncio
import http.client
import json
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.server.processes import WAIT_LIMIT_S, eventually, running
from vdx.serving.embedded import EmbeddedTriton

NAME = "voice.example.com"
KEY = "the-key-of-the-proxied-server"
SAMPLE = Path(__file__).parents[2] / "docs" / "proxy" / "nginx.conf"
MAIN = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {server}
}}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def write_certificate(folder: Path) -> None:
    """One that signs itself; the client looks at its name and nothing else."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    named = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*command.split(), *named, *files], check=True, capture_output=True)


def settings(folder: Path, port: int, upstream: str) -> str:
    """The sample with this test's files and ports in it."""
    text = SAMPLE.read_text()
    for old, new in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        (f"/etc/ssl/{NAME}.pem", str(folder / "cert.pem")),
        (f"/etc/ssl/{NAME}.key", str(folder / "key.pem")),
        ("http://127.0.0.1:8080", upstream),
    ):
        assert old in text, old
        text = text.replace(old, new)
    return MAIN.format(folder=folder, server=text)


class Proxied:
    """What a client somewhere else sees."""

    def __init__(self, folder: Path, port: int) -> None:
        self.tls = ssl.create_default_context(cafile=str(folder / "cert.pem"))
        self.port = port
        self.origin = f"https://{NAME}:{port}"

    def ask(self, path: str, method: str = "GET", body: str | None = None, **headers: str) -> Any:
        connection = http.client.HTTPSConnection(
            NAME, self.port, timeout=WAIT_LIMIT_S, context=self.tls
        )
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_LIMIT_S)
        connection.sock = self.tls.wrap_socket(plain, server_hostname=NAME)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content, answer.headers

    def talk(self, key: str, **headers: str) -> connect:
        return connect(
            f"wss://{NAME}:{self.port}/v1/realtime",
            host="127.0.0.1",
            port=self.port,
            ssl=self.tls,
            additional_headers={"Authorization": f"Bearer {key}", **headers},
        )


@pytest.fixture(scope="module")
def proxied(
    triton: EmbeddedTriton, base_config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxied]:
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    needed = program and shutil.which("openssl")
    assert needed, "this test needs nginx and openssl; run: sudo apt install nginx-light openssl"
    folder, port = tmp_path_factory.mktemp("proxy"), free_port()
    write_certificate(folder)
    server = {"api_keys": [KEY], "public_url": f"https://{NAME}:{port}"}
    arguments = ("frontend", "--triton-url", triton.grpc_url, "--port", "0")
    with running(*arguments, home=folder, config=base_config | {"server": server}) as vdx:
        (folder / "nginx.conf").write_text(settings(folder, port, vdx.url()))
        command = [program, "-e", str(folder / "error.log"), "-p", str(folder), "-c", "nginx.conf"]
        with subprocess.Popen([*command[:-1], str(folder / "nginx.conf")]) as nginx:
            try:
                eventually(lambda: _answers(port) or nginx.poll() is not None, "nginx answers")
                assert nginx.poll() is None, (folder / "error.log").read_text()
                yield Proxied(folder, port)
            finally:
                nginx.send_signal(signal.SIGTERM)
        assert KEY not in vdx.output


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_page_and_the_api_are_there(proxied: Proxied) -> None:
    for path in ("/", "/healthz", "/readyz", "/vdx/page"):
        assert proxied.ask(path)[0] == 200, path
    key = {"Authorization": f"Bearer {KEY}"}
    assert proxied.ask("/v1/models")[0] == 401
    assert proxied.ask("/v1/models", Origin=proxied.origin, **key)[0] == 200
    assert proxied.ask("/v1/models", Origin="https://evil.example", **key)[0] == 403
    assert f"curl {proxied.origin}/v1/models" in proxied.ask("/docs")[1].decode()
    body = json.dumps({"input": "Good morning.", "response_format": "wav"})
    content_type = {"Content_Type": "application/json"}
    status, sound, _ = proxied.ask("/v1/audio/speech", "POST", body, **key, **content_type)
    assert (status, sound[:4]) == (200, b"RIFF")


def test_other_names_are_still_refused(proxied: Proxied) -> None:
    status, content, _ = proxied.ask("/readyz", Host="evil.example")
    assert status == 403
    assert b"server.public_url" in content


async def test_a_conversation_goes_through_it(proxied: Proxied) -> None:
    async with proxied.talk(KEY, Origin=proxied.origin) as client:
        async with asyncio.timeout(WAIT_LIMIT_S):
            assert json.loads(await client.recv())["type"] == "session.created"
    for key, origin, status in (
        ("wrong", proxied.origin, 401),
        (KEY, "https://evil.example", 403),
    ):
        with pytest.raises(InvalidStatus) as refusal:
            async with proxied.talk(key, Origin=origin):
                pass
        assert refusal.value.response.status_code == status
