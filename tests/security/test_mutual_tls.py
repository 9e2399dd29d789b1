"""A Triton on the network answers only to who shows a certificate of the same authority."""

import asyncio
import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.server.processes import Http, embedded, running, serving
from vdx.core.config import TlsConfig, TritonConfig
from vdx.core.errors import ConfigError
from vdx.core.paths import locate
from vdx.serving.ports import choose_ports
from vdx.serving.triton import TritonClient

SCRIPT = locate().data / "scripts" / "make_certificates.sh"


def certificates(folder: Path, who: str) -> TlsConfig:
    return TlsConfig(
        ca=folder / "ca.crt", certificate=folder / f"{who}.crt", key=folder / f"{who}.key"
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("certificates")
    subprocess.run([SCRIPT, made, "10.0.0.7", "gpu-box.example.com"], check=True)
    return made


async def _ready(url: str, tls: TlsConfig) -> bool:
    async with TritonClient(TritonConfig(url=url, tls=tls)) as client:
        return await client.is_ready()


@pytest.fixture(scope="module")
def address(
    repository: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Of a Triton on the network, with the certificates of a server."""
    address = f"127.0.0.1:{choose_ports('gRPC', 1)[0]}"
    log = tmp_path_factory.mktemp("triton") / "t.log"
    options = {"grpc_address": address, "tls": certificates(folder, "server")}
    with serving(repository, log, **options, metrics_port=None):
        yield address


async def test_who_has_a_certificate_is_served_and_nobody_else(
    address: str, folder: Path, tmp_path: Path
) -> None:
    assert await _ready(address, certificates(folder, "client"))
    assert not await _ready(address, TlsConfig()), "without TLS"
    roots = (folder / "ca.crt").read_bytes()
    async with grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(roots)) as channel:
        with pytest.raises((TimeoutError, grpc.aio.AioRpcError)):
            await channel.unary_unary("/inference.GRPCInferenceService/ServerReady")(b"", timeout=2)
    await asyncio.to_thread(subprocess.run, [SCRIPT, tmp_path / "others"], check=True)
    stranger = certificates(tmp_path / "others", "client")
    stranger = stranger.model_copy(update={"ca": folder / "ca.crt"})
    assert not await _ready(address, stranger), "of another authority"
    assert await _ready(address, certificates(folder, "client"))


PERF_TRIES = 3
"""On a busy machine perf_analyzer now and then ends well with an export that is cut off."""


async def test_the_script_of_perf_analyzer_uses_the_certificates(
    address: str, folder: Path, tmp_path: Path
) -> None:
    tls = certificates(folder, "client")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VDX_")}
    given = {
        f"VDX_TRITON__TLS__{k}": str(v)
        for k, v in zip(
            ("CA", "CERTIFICATE", "KEY"), (tls.ca, tls.certificate, tls.key), strict=True
        )
    }
    export = tmp_path / "out.json"
    command = [
        *(str(locate().data / "scripts" / "perf_analyzer.sh"), "recogniser", "canned"),
        *("--concurrency-range", "1", "--measurement-request-count", "5"),
        *("--stability-percentage", "999", "--profile-export-file", str(export)),
    ]

    async def measured(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(
            lambda: subprocess.run(
                command,
                env=kept | environ,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
        )

    async with TritonClient(TritonConfig(url=address, tls=tls)) as client:
        await client.load("canned")
    for _ in range(PERF_TRIES):
        export.unlink(missing_ok=True)
        done = await measured({"VDX_TRITON__URL": address, **given})
        assert done.returncode == 0, (done.stdout + done.stderr)[:3000]
        with contextlib.suppress(json.JSONDecodeError):
            experiment, *_ = json.loads(export.read_text())["experiments"]
            break
    else:
        pytest.fail(f"no whole export in {PERF_TRIES} tries")
    assert len(experiment["requests"]) >= 5
    assert (await measured({"VDX_TRITON__URL": address})).returncode != 0, "without them"


async def test_a_port_without_certificates_is_refused(repository: Path, tmp_path: Path) -> None:
    for address in ("127.0.0.1:18001", "0.0.0.0:18001"):
        triton = embedded(repository, tmp_path / "t.log", grpc_address=address)
        with pytest.raises(ConfigError, match=r"triton\.tls\.ca"):
            await triton.start()
        assert not triton.running


def test_the_commands_use_the_certificates(folder: Path, tmp_path: Path) -> None:
    """`vdx up` on the network, and `vdx frontend` with a certificate as another machine."""
    address = f"127.0.0.1:{choose_ports('gRPC', 1)[0]}"
    quick = {"asr": {"model": "canned"}, "tts": {"voice": "tone"}}

    def config(who: str) -> dict[str, object]:
        tls = json.loads(certificates(folder, who).model_dump_json())
        return {**quick, "triton": {"url": "" if who == "server" else address, "tls": tls}}

    (tmp_path / "up").mkdir()
    (tmp_path / "frontend").mkdir()
    arguments = ("up", "--no-proof", "--port", "0", "--grpc-address", address)
    environ = {"VDX_HOME": str(tmp_path / "h")}
    with running(*arguments, home=tmp_path / "up", config=config("server"), environ=environ) as up:
        up.url()
        assert f"Triton listens on {address} with mutual TLS" in up.output
        with running(
            *("frontend", "--port", "0"), home=tmp_path / "frontend", config=config("client")
        ) as other:
            assert Http(other.url()).get("/readyz")[0] == 200
