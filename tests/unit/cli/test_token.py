"""`vdx token`: who comes with it."""

import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from typer.testing import CliRunner

from vdx.cli.main import app as cli

SECRET = "s" * 32
CONFIG = f"""
livekit: {{url: "ws://127.0.0.1:7880", api_key: key, api_secret: {SECRET}, agents: {{second: vdx}}}}
"""


def dispatched(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    file = folder / "vdx.yaml"
    file.write_text(CONFIG)
    told = CliRunner().invoke(cli, ["token", "--config", str(file), *arguments])
    assert told.exit_code == 0, told.output
    claims = jwt.decode(told.stdout.strip(), SECRET, algorithms=["HS256"])
    return list(claims["roomConfig"]["agents"])


def test_an_agent_comes_with_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VDX_HOME", str(tmp_path))
    assert [each["agentName"] for each in dispatched(tmp_path)] == ["vdx"]
    both = dispatched(tmp_path, "--agent", "vdx", "--agent", "second")
    assert [each["agentName"] for each in both] == ["vdx", "second"]
    [one] = dispatched(tmp_path, "--agent", "second", "--greeting", "Hello.")
    assert (one["agentName"], json.loads(one["metadata"])) == ("second", {"greeting": "Hello."})
