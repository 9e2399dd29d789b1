"""The systemd unit: systemd takes it, it is hardened, and it drains before it ends."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vdx.cli.install_service import unit
from vdx.cli.main import app

ANALYZE = shutil.which("systemd-analyze")
MOST_EXPOSED = 2.5
"""Of systemd's own measure, 0 to 10; below 5 it says OK."""


def made(tmp_path: Path, *options: str, settings: str = "") -> str:
    config = tmp_path / "vdx.yaml"
    config.write_text(f"server: {{drain_timeout_seconds: 120}}\n{settings}")
    words = ["install-service", "--config", str(config), "--out", "-", *options]
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 0, answer.output
    return answer.stdout


def test_the_unit_waits_for_calls_to_end(tmp_path: Path) -> None:
    text = made(tmp_path, "--options", "--livekit --light")
    assert "TimeoutStopSec=180\n" in text
    assert "KillMode=mixed\n" in text
    assert re.search(r"^ExecStart=\S+/vdx up --config \S+ --livekit --light$", text, re.MULTILINE)
    assert "StateDirectory=vdx\n" in text
    assert "PrivateDevices=yes" in text
    assert "PrivateDevices=yes" not in made(tmp_path, "--gpu")


def test_the_folder_and_the_models_are_there_before_the_first_start(tmp_path: Path) -> None:
    config = tmp_path / "vdx.yaml"
    config.write_text("{}")
    out = tmp_path / "vdx.service"
    words = ["install-service", "--config", str(config), "--out", str(out), "--home", "/srv/vdx"]
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 0, answer.output
    _, *todo = [line.strip() for line in answer.stdout.splitlines()]
    assert [line.split()[0] for line in todo] == [
        *("useradd", "install", "runuser", "systemctl", "systemctl")
    ]
    assert todo[1].endswith("--owner=vdx --mode=0700 /srv/vdx")
    assert "VDX_HOME=/srv/vdx" in todo[2]
    assert todo[2].endswith("/vdx setup")


def test_recorded_calls_may_be_written_where_they_are_kept(tmp_path: Path) -> None:
    def told(folder: str) -> list[str]:
        calls = f"call_recording: {{folder: {folder}}}\n"
        return re.findall(r"^ReadWritePaths=(.*)$", made(tmp_path, settings=calls), re.MULTILINE)

    assert told("/srv/vdx/calls") == ["/srv/vdx/calls"]
    assert told("/var/lib/vdx/calls") == []


def test_without_a_limit_for_draining_systemd_has_none() -> None:
    text = unit(
        program=Path("/opt/vdx/bin/vdx"),
        config=Path("/etc/vdx/a b%.yaml"),
        user="vdx",
        home=Path("/srv/vdx"),
        drain_s=0,
    )
    assert "TimeoutStopSec=infinity\n" in text
    assert 'ExecStart=/opt/vdx/bin/vdx up --config "/etc/vdx/a b%%.yaml"\n' in text
    assert "ReadWritePaths=/srv/vdx\n" in text
    assert "ProtectHome=yes\n" in text


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not here")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    file = tmp_path / "vdx.service"
    text = made(tmp_path, "--user", "root")
    # The command needs to exist, and a checkout without an installed script has none.
    there = f"ExecStart={sys.executable}"
    file.write_text(re.sub(r"^ExecStart=\S+", there, text, flags=re.MULTILINE))
    told = subprocess.run(
        [str(ANALYZE), "verify", "--man=no", str(file)], capture_output=True, text=True, check=False
    )
    ours = [line for line in told.stderr.splitlines() if "vdx.service" in line]
    assert ours == []


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not here")
def test_systemd_calls_it_hardened(tmp_path: Path) -> None:
    file = tmp_path / "vdx.service"
    file.write_text(made(tmp_path))
    told = subprocess.run(
        [str(ANALYZE), "security", "--offline=true", "--no-pager", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"exposure level for \S+: ([\d.]+)", told.stdout)
    assert found is not None, told.stdout + told.stderr
    assert float(found[1]) <= MOST_EXPOSED
