"""One tritonserver for all tests here, and one `vdx frontend` per module that wants one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.server.processes import (
    LONG_ANSWER,
    LONG_TIMEOUTS,
    Http,
    eventually,
    running,
    shared_triton,
    write_repository,
)
from vdx.serving.embedded import EmbeddedTriton


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_repository(tmp_path_factory.mktemp("models") / "repository")


@pytest.fixture(scope="session")
def triton(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> EmbeddedTriton:
    """A real tritonserver; models are loaded by whoever needs them."""
    return shared_triton(pytestconfig, tmp_path_factory)


@pytest.fixture(scope="session")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A script whose one answer lasts about ten seconds on the tone voice."""
    file = tmp_path_factory.mktemp("script") / "long.yaml"
    file.write_text(yaml.safe_dump([LONG_ANSWER]))
    return file


def quick_config(script: Path) -> dict[str, Any]:
    """Models of the tests, which load at once, and a profile for every way to answer or to hear."""
    long = {"kind": "script", "script": {"path": str(script)}}
    return {
        "asr": {"model": "canned"},
        "tts": {"voice": "tone"},
        "triton": LONG_TIMEOUTS,
        "model_manager": {"preload_model_ids": ["tone-spare"]},
        # On few cores, with other tests beside this one, a speaker who stalls has not paused.
        "session": {"input_gap_ms": 500},
        # Of few cores' default some tests want more.
        "server": {"max_sessions": 1000},
        "profiles": {
            "vdx": {},
            "long": {"responder": long},
            "fast-long": {"responder": long, "voice": "tone-fast"},
            "long-stop": {"responder": long, "voice": "tone-fast", "recogniser": "canned-stop"},
            "long-uh": {"responder": long, "voice": "tone-fast", "recogniser": "canned-uh"},
            "unfinished": {"voice": "tone-fast", "recogniser": "canned-unfinished"},
            "hasty": {
                "voice": "tone-fast",
                "recogniser": "canned-unfinished",
                "endpointing": {"enabled": False},
            },
            "fast": {"voice": "tone-fast", "language": "en-GB", "instructions": "Be quick."},
            "stop": {"voice": "tone-fast", "recogniser": "canned-stop"},
            "greeter": {"greeting": "Good morning."},
        },
    }


@pytest.fixture(scope="session")
def base_config(script: Path) -> dict[str, Any]:
    """`quick_config` and profiles with engines, whose loading takes four seconds of a core."""
    config = quick_config(script)
    heard = {"responder": config["profiles"]["long"]["responder"], "voice": "espeak-en"}
    careless = {"vad": {"voice_check": {"enabled": False}}, "echo_control": {"guard": False}}
    config["profiles"] |= {
        "echo-guarded": heard,
        "echo-careless": heard | careless,
        "real": {"voice": "espeak-en", "recogniser": "pocketsphinx-en"},
        "whisper": {"voice": "espeak", "recogniser": "whisper-micro"},
    }
    return config


@pytest.fixture(scope="module")
def server(
    triton: EmbeddedTriton, base_config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a real `vdx frontend`; sessions left over fail the module."""
    home = tmp_path_factory.mktemp("frontend")
    arguments = ("frontend", "--triton-url", triton.grpc_url, "--port", "0")
    with running(*arguments, home=home, config=base_config) as vdx:
        url = vdx.url()
        yield url
        eventually(lambda: Http(url).status()["sessions"] == 0, "all sessions gone")
        assert "Traceback" not in vdx.output, vdx.output


@pytest.fixture
def http(server: str) -> Http:
    return Http(server)


@pytest.fixture(autouse=True)
def nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test did, its sessions are gone after it left."""
    url = request.getfixturevalue("server") if "server" in request.fixturenames else None
    yield
    if url is not None:
        eventually(lambda: Http(url).status()["sessions"] == 0, "sessions freed")
