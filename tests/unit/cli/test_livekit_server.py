"""Finding and building livekit-server, with a `go` that only pretends."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from vdx.cli import rooms
from vdx.cli.livekit_server import (
    MODULE,
    cache_folder,
    find_livekit_server,
    require_livekit_server,
)
from vdx.core.config import LiveKitConfig
from vdx.core.errors import ConfigError, SetupError

GO = """#!/bin/sh
if [ "$1" = version ]; then echo "go version go1.26.1 linux/amd64"; exit; fi
echo "$@" >> "$GO_CALLS"
echo "github.com/livekit/livekit-server/cmd/server" >&2
[ -n "$GO_FAILS" ] && { echo "no space left" >&2; exit 1; }
printf '#!/bin/sh\\n' > "$GOBIN/server"; chmod +x "$GOBIN/server"
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing but the pretended Go and what it needs; the file of its calls."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "go").write_text(GO)
    (tools / "go").chmod(0o755)
    (tools / "chmod").symlink_to("/bin/chmod")
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setenv("GO_CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


def test_it_is_built_once_with_the_pinned_version(calls: Path, tmp_path: Path) -> None:
    told: list[str] = []
    cache = tmp_path / "cache"
    assert find_livekit_server(cache) is None
    program = require_livekit_server(told.append, cache)
    assert os.access(program, os.X_OK)
    assert require_livekit_server(told.append, cache) == find_livekit_server(cache) == program
    assert MODULE in calls.read_text()
    assert len(calls.read_text().splitlines()) == 1
    assert "once" in told[0]
    assert str(program) in told[-1]


def test_a_build_that_fails_says_why_and_leaves_nothing(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GO_FAILS", "1")
    with pytest.raises(SetupError, match="no space left"):
        require_livekit_server(lambda _: None, tmp_path / "cache")
    assert find_livekit_server(tmp_path / "cache") is None


def test_one_on_path_is_taken(calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "livekit-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert require_livekit_server(lambda _: None, tmp_path / "cache") == program
    assert not calls.exists()


def test_the_cache_is_shared_by_checkouts() -> None:
    assert cache_folder({"XDG_CACHE_HOME": "/caches"}) == Path("/caches/vdx")
    assert cache_folder({}) == Path.home() / ".cache" / "vdx"


def test_the_usual_variables_fill_in_what_is_open() -> None:
    given = {"LIVEKIT_URL": "ws://a", "LIVEKIT_API_KEY": "k", "LIVEKIT_API_SECRET": "s" * 32}
    full = rooms.with_environment(LiveKitConfig(url="ws://b"), given)
    assert (full.url, full.api_key) == ("ws://b", "k")
    rooms.check(full)


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (LiveKitConfig(), r"livekit\.url.*livekit\.api_key.*livekit\.api_secret"),
        (LiveKitConfig(url="ftp://x", api_key="k", api_secret=SecretStr("s" * 32)), "ftp://x"),
        (LiveKitConfig(url="ws://x", api_key="k", api_secret=SecretStr("short")), "32 characters"),
    ],
)
def test_what_is_missing_to_be_a_worker_is_named(config: LiveKitConfig, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        rooms.check(config)
