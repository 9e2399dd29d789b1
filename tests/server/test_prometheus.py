"""Debian's Prometheus scrapes a real server: what the dashboard and the alerts ask for is there."""

import asyncio
import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import yaml

from scripts.draw_dashboard import draw
from tests.server.conftest import quick_config
from tests.server.processes import eventually, running
from tests.server.talk import talking
from vdx.bench.scrape import fetch
from vdx.core.errors import VdxError
from vdx.serving.embedded import EmbeddedTriton
from vdx.serving.ports import choose_ports

PROMETHEUS = shutil.which("prometheus")
DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"
KEY = "a-key-of-the-operator-0123456789"
EVERY = "250ms"
FILLED = {
    *("Open sessions", "End of speech to first sound", "Turns and errors"),
    *("Stages of a turn, p95", "First audio of a clause", "Real-time factor of voices"),
    *("Final transcript", "Requests at models", "Delay of output frames"),
    *("Input taken for speech, gated", "Models loaded and leased", "HTTP requests", "Versions"),
}
"""The panels that two turns fill."""


def configuration(folder: Path, server: str, triton: str) -> Path:
    """deploy/prometheus/prometheus.yaml with the key and the addresses put in, at a faster pace."""
    whole = yaml.safe_load((DEPLOY / "prometheus.yaml").read_text(encoding="utf-8"))
    whole["global"] = dict.fromkeys(whole["global"], EVERY)
    whole["rule_files"] = [str(DEPLOY / name) for name in whole["rule_files"]]
    jobs = {job["job_name"]: job for job in whole["scrape_configs"]}
    key = folder / "vdx.key"
    key.write_text(KEY)
    jobs["vdx"]["authorization"]["credentials_file"] = str(key)
    for name, address in (("vdx", server), ("triton", triton)):
        jobs[name]["static_configs"] = [{"targets": [urlsplit(address).netloc]}]
    file = folder / "prometheus.yaml"
    file.write_text(yaml.safe_dump(whole))
    return file


@contextlib.contextmanager
def prometheus(folder: Path, server: str, triton: str) -> Iterator[str]:
    """The address of one that scrapes both, once it answers."""
    assert PROMETHEUS, "the tests need prometheus; run: sudo apt install prometheus"
    (port,) = choose_ports("Prometheus", 1)
    command = [PROMETHEUS, f"--config.file={configuration(folder, server, triton)}"]
    command += [f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}"]
    url = f"http://127.0.0.1:{port}"
    log = folder / "prometheus.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        eventually(lambda: process.poll() is not None or ready(url), "Prometheus is ready")
        assert process.poll() is None, log.read_text()
        yield url
    finally:
        process.terminate()
        process.wait()


def ready(url: str) -> bool:
    with contextlib.suppress(VdxError):
        return bool(fetch(f"{url}/-/ready"))
    return False


def value(url: str, query: str) -> float:
    """The sum of what a query finds now."""
    found = json.loads(fetch(f"{url}/api/v1/query?query={quote(query)}"))["data"]["result"]
    return sum(float(each["value"][1]) for each in found)


async def one_turn(server: str) -> None:
    async with talking(server, api_key=KEY) as talk:
        await talk.full_turn()


def test_what_is_asked_for_is_scraped(triton: EmbeddedTriton, script: Path, tmp_path: Path) -> None:
    config: dict[str, Any] = quick_config(script)
    config["server"] = {**config["server"], "api_keys": [KEY]}
    arguments = ("frontend", "--triton-url", triton.grpc_url, "--port", "0")
    began = time.time()
    with running(*arguments, home=tmp_path, config=config) as vdx:
        server = vdx.url()
        with prometheus(tmp_path, server, triton.metrics_url) as url:
            eventually(lambda: value(url, "up") == 2, "both are scraped")
            for turns in (1, 2):  # a rate needs something that was there before
                asyncio.run(one_turn(server))
                wanted = f'sum(vdx_turns_total{{job="vdx"}}) >= {turns}'
                eventually(lambda query=wanted: value(url, query), f"{turns} turns are scraped")
                eventually(lambda: value(url, "vdx_chunks_total"), "the models' own too")
            drawn = draw(url, began, time.time(), "1m", tmp_path / "dashboard.png")
            rules = eventually(lambda: evaluated(url), "every rule was evaluated")
    assert {title for title, lines in drawn.items() if lines} >= FILLED
    assert (tmp_path / "dashboard.png").read_bytes().startswith(b"\x89PNG")
    assert {rule["health"] for rule in rules} == {"ok"}, rules


def evaluated(url: str) -> list[dict[str, Any]]:
    """Every rule; none while one of them was not evaluated yet."""
    groups = json.loads(fetch(f"{url}/api/v1/rules"))["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    return [] if any(rule["health"] == "unknown" for rule in rules) else rules
