"""Where the embedded Triton of a VDX_HOME is, and who may have made its folder."""

import asyncio
import os
import stat
from pathlib import Path

import pytest

from vdx.core.config import Config, EmbeddedConfig, TritonConfig
from vdx.core.errors import ConfigError, SetupError
from vdx.serving import address
from vdx.serving.socket_folder import LOCK, lock_socket_folder


def test_the_socket_is_in_the_home(tmp_path: Path) -> None:
    assert address.shared_folder(tmp_path) == tmp_path / "run"
    assert address.socket_url(tmp_path / "run") == f"unix:{tmp_path}/run/t:8001"
    assert not (tmp_path / "run").exists()


def test_a_path_too_long_for_the_kernel_has_a_short_folder(tmp_path: Path) -> None:
    home = tmp_path / ("h" * 100)
    folder = address.shared_folder(home)
    assert folder == address.shared_folder(home)
    assert folder != address.shared_folder(tmp_path / ("i" * 100))
    assert len(os.fsencode(folder / "t:8001")) <= 107


def test_what_is_special_in_a_uri_is_quoted() -> None:
    assert address.socket_url(Path("/a b/%ü")) == "unix:/a%20b/%25%C3%BC/t:8001"


def test_an_address_that_is_named_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VDX_HOME", str(tmp_path))
    assert address.triton_at(Config()).url == f"unix:{tmp_path}/run/t:8001"
    named = Config(triton=TritonConfig(url="box:8001"))
    assert address.triton_at(named).url == "box:8001"
    network = Config(embedded=EmbeddedConfig(grpc_address="0.0.0.0:8001"))
    assert address.triton_at(network).url == "127.0.0.1:8001"
    network = Config(embedded=EmbeddedConfig(grpc_address="[::]:8001"))
    assert address.triton_at(network).url == "[::1]:8001"


@pytest.mark.parametrize("wrong", ["8001", ":8001", "box", "box:", "box:x", "box:0", "::1:8001"])
def test_an_address_that_is_none(wrong: str) -> None:
    with pytest.raises(ConfigError, match="grpc_address"):
        address.split_address(wrong)


def test_a_folder_is_made_private(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o755)
    address.make_private(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (tmp_path / "link").symlink_to(folder)
    (tmp_path / "file").touch()
    for other in ("link", "file"):
        with pytest.raises(SetupError, match=other):
            address.make_private(tmp_path / other)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    home = tmp_path / ("h" * 100)
    folder = address.shared_folder(home)
    folder.mkdir(mode=0o777)
    try:
        os.chown(folder, 65534, 65534)
        with pytest.raises(SetupError, match="another user"):
            address.shared_folder(home)
        with pytest.raises(SetupError, match="this user"):
            address.make_private(folder)
    finally:
        folder.rmdir()


async def test_the_second_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    first = await lock_socket_folder(tmp_path)
    second = await lock_socket_folder(tmp_path)
    assert first.shared
    assert not second.shared
    assert second.folder != first.folder
    second.release()
    assert not second.folder.exists()
    first.release()
    third = await lock_socket_folder(tmp_path)
    assert third.folder == first.folder
    third.release()


async def test_a_server_that_outlives_its_vdx_is_waited_for(tmp_path: Path) -> None:
    """Its descriptor holds the lock; the vdx that is named in it is gone."""
    first = await lock_socket_folder(tmp_path)
    inherited = os.dup(first.descriptor)
    first.release()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:  # holds the lock until it is told
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    os.close(inherited)
    os.close(reader)
    asyncio.get_running_loop().call_later(0.3, os.close, writer)
    claimed = await lock_socket_folder(tmp_path)
    assert claimed.shared
    assert (claimed.folder / LOCK).read_text() == str(os.getpid())
    claimed.release()
    await asyncio.to_thread(os.waitpid, pid, 0)
