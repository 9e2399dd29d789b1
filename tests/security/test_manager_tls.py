"""A manager with `model_manager.tls` serves who has a certificate of its authority, nobody else."""

import asyncio
import json
import ssl
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.security.test_mutual_tls import SCRIPT, certificates
from tests.server.processes import running
from vdx.core.config import TlsConfig
from vdx.core.errors import ConfigError, ManagerUnavailable
from vdx.serving.embedded import EmbeddedTriton
from vdx.serving.manager_client import ManagerClient


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("certificates")
    subprocess.run([SCRIPT, made], check=True)
    return made


def config(tls: TlsConfig, **manager: str) -> dict[str, Any]:
    files = json.loads(tls.model_dump_json())
    quick = {"asr": {"model": "canned"}, "tts": {"voice": "tone"}}
    return {**quick, "model_manager": {"tls": files, **manager}}


async def leased(url: str, tls: TlsConfig) -> int:
    async with ManagerClient(url, tls=tls) as client:
        return await client.renew(["a-session"])


async def test_who_has_a_certificate_leases_and_nobody_else(
    triton: EmbeddedTriton, folder: Path, tmp_path: Path
) -> None:
    for name in ("manager", "frontend", "others"):
        (tmp_path / name).mkdir()
    common = ("--triton-url", triton.grpc_url, "--port", "0")
    server, client = certificates(folder, "server"), certificates(folder, "client")
    with running("manager", *common, home=tmp_path / "manager", config=config(server)) as manager:
        found = await asyncio.to_thread(manager.said, r"ready: (https://\S+);")
        assert found is not None
        url = found[1]
        assert await leased(url, client) == 0
        await asyncio.to_thread(subprocess.run, [SCRIPT, tmp_path / "others"], check=True)
        stranger = certificates(tmp_path / "others", "client")
        for tls in (stranger.model_copy(update={"ca": folder / "ca.crt"}), stranger, TlsConfig()):
            with pytest.raises(ManagerUnavailable):
                await leased(url, tls)
        with pytest.raises(ManagerUnavailable):
            await leased(url.replace("https", "http"), client)
        roots = ssl.create_default_context(cafile=folder / "ca.crt")
        with pytest.raises((urllib.error.URLError, OSError)):
            await asyncio.to_thread(
                lambda: urllib.request.urlopen(f"{url}/healthz", context=roots, timeout=5).read()  # noqa: S310
            )
        given = config(client, url=url)
        with running("frontend", *common, home=tmp_path / "frontend", config=given) as frontend:
            await asyncio.to_thread(frontend.url)


def test_a_file_that_is_not_there_is_named(folder: Path, tmp_path: Path) -> None:
    gone = certificates(folder, "client").model_copy(update={"ca": tmp_path / "gone.crt"})
    with pytest.raises(ConfigError, match=r"model_manager\.tls: .*No such file"):
        ManagerClient("https://127.0.0.1:1", tls=gone)
