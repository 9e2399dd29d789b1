"""Real processes for the tests: a tritonserver with test models, and `vdx` commands."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.triton.repository import WHISPER, add_whisper
from tests.wait_limit import SLICE_S, WAIT_LIMIT_S
from vdx.bench.scrape import parse
from vdx.core.paths import locate
from vdx.serving.embedded import EmbeddedOptions, EmbeddedTriton
from vdx.serving.model_config import config_text

VDX = [sys.executable, "-c", "from vdx.cli.main import main; main()"]

READ_S = 20.0
"""How long what an ended command wrote may take to be read; others may hold its end open."""

VARIANTS = {
    "tone-fast": ("tone", {"ms_per_char": "30"}),
    "tone-spare": ("tone", {"max_streams": "64"}),
    "tone-unused": ("tone", {}),  # no server of the tests asks for it: a test may load it
    "canned-stop": ("canned", {"texts": "stop please"}),
    "canned-uh": ("canned", {"texts": "uh"}),
    # A voice that is replaced while people talk, and what replaces it.
    "tone-old": ("tone", {"ms_per_char": "10"}),
    "tone-new": ("tone", {"ms_per_char": "10"}),
    "canned-unfinished": ("canned", {"texts": "I would like to"}),
}
"""Test models: a name, the model it is a copy of, and the parameters that differ."""

DETECTS = {
    "kind": "asr",
    "languages": "*",
    "sample_rate": "16000",
    "language_detection": "true",
    # The first is heard when the model is warmed up.
    "texts": "hello|good morning|guten Morgen zusammen",
    "detects": "en:0.9|en:0.9|de:0.9",
}
"""`canned-detects`, a recogniser that says which language it hears."""

LONG_ANSWER = (
    "Well, let me see. This is a long answer that goes on for quite a while, so that there is "
    "time enough to break in on it. It has several clauses, and each of them has a pitch."
)


LATE_TRANSCRIPTS = {"final_transcript_timeout_ms": 30_000}
"""`triton` in the configuration of every server: a busy recogniser is late, not hung."""
LONG_TIMEOUTS = LATE_TRANSCRIPTS | {
    "first_response_timeout_ms": 30_000,
    "next_response_timeout_ms": 30_000,
    "probe_timeout_ms": 30_000,
}
"""The same for all models, where no test waits for one that hangs."""


def eventually(happened: Callable[[], Any], what: str, seconds: float = WAIT_LIMIT_S) -> Any:
    """The first truthy result of `happened`; fails after `seconds` in which this process ran."""
    left, looked = seconds, time.monotonic()
    while left > 0:
        if result := happened():
            return result
        time.sleep(0.02)
        now = time.monotonic()
        left, looked = left - min(now - looked, SLICE_S), now
    raise AssertionError(f"{what}: not within {seconds:g} s")


def write_repository(folder: Path) -> Path:
    """A copy of the model repository with the test models beside the real ones."""
    shutil.copytree(locate().model_repository, folder, ignore=shutil.ignore_patterns("*.pyc"))
    for name, (origin, parameters) in VARIANTS.items():
        shutil.copytree(folder / origin, folder / name)
        config = folder / name / "config.pbtxt"
        text = config.read_text()
        for key, value in parameters.items():
            line = f'parameters {{ key: "{key}" value: {{ string_value: "{value}" }} }}\n'
            text = re.sub(rf'parameters {{ key: "{key}".*\n', "", text) + line
        config.write_text(text)
    (detects := folder / "canned-detects" / "1").mkdir(parents=True)
    text = config_text("canned", "asr", DETECTS)
    detects.with_name("config.pbtxt").write_text(text)
    add_whisper(folder, "whisper-micro", WHISPER, languages="en")
    # One ahead of the most at once, not two: each takes a third of a second to build.
    config = folder / "pocketsphinx-en" / "config.pbtxt"
    ready = re.compile(r'(key: "ready_decoders" .*string_value: )"\d+"')
    config.write_text(ready.sub(r'\1"1"', config.read_text()))
    return folder


def embedded(repository: Path, log_file: Path, **options: Any) -> EmbeddedTriton:
    """A server with a socket of its own and metrics on a free port, not started yet."""
    paths = locate()
    return EmbeddedTriton(
        EmbeddedOptions(
            triton_python=paths.triton_python,
            model_repository=repository,
            log_file=log_file,
            **{"families": paths.triton_backends, "metrics_port": 0} | options,
        )
    )


@contextlib.contextmanager
def serving(repository: Path, log_file: Path, **options: Any) -> Iterator[EmbeddedTriton]:
    """A tritonserver of its own over these models, for the length of a block."""
    server = embedded(repository, log_file, **options)
    asyncio.run(server.start())
    try:
        yield server
    finally:
        asyncio.run(server.stop())


_SHARED = pytest.StashKey[EmbeddedTriton]()


def shared_triton(config: pytest.Config, factory: pytest.TempPathFactory) -> EmbeddedTriton:
    """The tritonserver of this process over `write_repository`; it starts once, for all folders."""
    if _SHARED not in config.stash:
        home = factory.mktemp("triton")
        server = embedded(write_repository(home / "repository"), home / "triton.log")
        asyncio.run(server.start())
        config.add_cleanup(lambda: asyncio.run(server.stop()))
        config.stash[_SHARED] = server
    return config.stash[_SHARED]


def plain_environment() -> dict[str, str]:
    """That of this process, without any setting of vdx but its home."""
    return {k: v for k, v in os.environ.items() if k == "VDX_HOME" or not k.startswith("VDX_")}


SERVERS = ("up", "frontend")


def _names_manager(arguments: Sequence[str], config: dict[str, Any]) -> bool:
    """Whether a frontend is told who loads its models, or where servers with managers announce."""
    told = any("manager" in each or "registry" in each for each in arguments)
    return told or "registry" in config or "url" in config.get("model_manager", {})


class Vdx:
    """One running `vdx` command, its output kept line by line."""

    def __init__(
        self,
        *arguments: str,
        config: dict[str, Any] | None = None,
        home: Path,
        environ: dict[str, str] | None = None,
        descriptors: int | None = None,
        prefix: Sequence[str] = (),
    ) -> None:
        command = [*prefix, *VDX, *arguments]
        if arguments[0] == "frontend" and not _names_manager(arguments, config or {}):
            command += ["--manager", "none"]  # the only one on its Triton
        if descriptors is not None:  # the most it may ever hold open
            limited = f'ulimit -n {descriptors}; exec "$@"'
            command = ["sh", "-c", limited, "sh", *command]
        if arguments[0] in SERVERS or config is not None:
            config = config or {}
            file = home / "vdx.yaml"
            triton = LATE_TRANSCRIPTS | config.get("triton", {})
            file.write_text(yaml.safe_dump(config | {"triton": triton}))
            command += ["--config", str(file)]
        kept = ("VDX_HOME",)
        environment = {k: v for k, v in os.environ.items() if k in kept or not k.startswith("VDX_")}
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            env=environment | {"PYTHONUNBUFFERED": "1"} | (environ or {}),
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(line.rstrip("\n") for line in self.process.stdout)

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def said(self, pattern: str) -> re.Match[str] | None:
        """Waits for output that matches; fails when the command ends first."""
        found = eventually(
            lambda: re.search(pattern, self.output) or self._ended(pattern), f"output {pattern!r}"
        )
        assert isinstance(found, re.Match), f"ended without {pattern!r}:\n{self.output}"
        return found

    def _ended(self, pattern: str) -> object:
        if self.process.poll() is None:
            return None
        self._reader.join(READ_S)
        return re.search(pattern, self.output) or "ended"

    def url(self) -> str:
        """The address it serves at, once it is ready."""
        found = self.said(r"(?:ready|talk here): +(http://\S+)")
        assert found is not None
        return found[1]

    def interrupt(self) -> int:
        """Ctrl-C, and the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self, seconds: float = WAIT_LIMIT_S) -> int:
        code = self.process.wait(seconds)
        self._reader.join(READ_S)
        return code

    def end(self) -> None:
        """Ends it whatever its state."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.wait(20)
        if self.process.poll() is None:
            self.process.kill()
            self.wait()


@contextlib.contextmanager
def running(
    *arguments: str,
    home: Path,
    config: dict[str, Any] | None = None,
    environ: dict[str, str] | None = None,
    descriptors: int | None = None,
    prefix: Sequence[str] = (),
) -> Iterator[Vdx]:
    """A `vdx` command for the length of a block; `prefix` is the program that runs it."""
    vdx = Vdx(
        *arguments,
        config=config,
        home=home,
        environ=environ,
        descriptors=descriptors,
        prefix=prefix,
    )
    try:
        yield vdx
    finally:
        vdx.end()


class Http:
    """Blocking requests to one server; a refusal is an answer, not an exception."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **headers: str) -> tuple[int, Any]:
        return self._ask("GET", path, headers)

    def post(self, path: str, **headers: str) -> tuple[int, Any]:
        return self._ask("POST", path, headers)

    def status(self) -> dict[str, Any]:
        return dict(self.get("/vdx/status")[1])

    def settled_tasks(self, seconds: float = 1.0) -> int:
        """The server's tasks once their number stays: those of its start end one after another."""
        tasks, since = self.status()["tasks"], time.monotonic()
        while time.monotonic() - since < seconds:
            time.sleep(0.1)
            if (now := self.status()["tasks"]) != tasks:
                tasks, since = now, time.monotonic()
        return int(tasks)

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels, from /metrics."""
        return parse(self.get("/metrics")[1]).total(name)

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, method=method, headers=named)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=WAIT_LIMIT_S) as answer:  # noqa: S310
                return answer.status, _content(answer)
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, _content(refusal)


def _content(answer: Any) -> Any:
    body = answer.read().decode()
    return json.loads(body) if "json" in answer.headers["content-type"] else body
