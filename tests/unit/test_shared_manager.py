"""Two frontends and a model manager on one Triton in memory, over HTTP, on virtual time."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
from prometheus_client import REGISTRY, generate_latest
from structlog.testing import capture_logs

from tests.unit.serving.fakes import NoProcesses
from tests.unit.test_app import KINDS, SpeakingTriton, opened
from tests.unit.virtual_time import on_virtual_time
from vdx.app import Application
from vdx.core.config import Config
from vdx.core.errors import (
    LoadRefused,
    ManagerRefused,
    ManagerUnavailable,
    ModelBusy,
    ModelDied,
    ModelTimeout,
    SetupError,
    TritonError,
    TritonUnavailable,
)
from vdx.serving.managed_models import ManagedModels
from vdx.serving.manager import ModelManager
from vdx.serving.manager_client import ManagerClient
from vdx.serving.manager_lock import manager_lock
from vdx.serving.registry.entry import ServerEntry
from vdx.transports.http.application import create_app

KEY = "k" * 16
URL = "http://127.0.0.1:8090"


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """On virtual time nobody waits for a thread."""

    async def at_once(work: Any, *arguments: Any) -> Any:
        return work(*arguments)

    monkeypatch.setattr("vdx.app.application.in_thread", at_once)
    monkeypatch.setattr("vdx.serving.manager.in_thread", at_once)


class Place:
    """One Triton with its manager, and the frontends that share them."""

    def __init__(self, remembered: ManagedModels | None = None, **manager: Any) -> None:
        self.triton = SpeakingTriton(dict(KINDS), load_s=0.5)
        self.remembered = remembered
        self.stack = AsyncExitStack()
        self.options = {"ttl_ms": 60_000, "min_residency_ms": 0, **manager}
        self.start_manager()

    def start_manager(self) -> None:
        config = Config.model_validate(
            {"server": {"api_keys": [KEY]}, "model_manager": self.options}
        )
        manager = ModelManager(
            cast(Any, self.triton),
            config=config.model_manager,
            owner=True,
            remembered=self.remembered,
        )
        self.manager = self._quiet(manager)
        self.host = Application(config, cast(Any, self.triton), manager, manages_only=True)
        self.transport = httpx2.ASGITransport(app=create_app(self.host))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return await self.transport.handle_async_request(request)

    async def aclose(self) -> None:
        """The transport of every frontend's client."""

    async def frontend(self, **config: Any) -> Application:
        client = ManagerClient(URL, KEY, transport=cast(Any, self))
        own, triton = Config.model_validate(config), cast(Any, self.triton)
        manager = ModelManager(triton, config=own.model_manager, control=client)
        host = Application(own, triton, self._quiet(manager))
        host.share_leases(client)
        await host.load_defaults()
        return host

    def _quiet(self, manager: ModelManager) -> ModelManager:
        manager.recovery.jitter_s = 0.0
        manager.recovery._processes = cast(Any, NoProcesses())
        return manager

    def sessions_of(self, model: str) -> set[str]:
        held = self.manager.residency.leases(model)
        return {session for session in held if not session.startswith("frontend-")}


@asynccontextmanager
async def served(*hosts: Application) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Runs what a process runs beside its sessions."""
    tasks = []
    for host in hosts:
        works = [host.manager.run, host.leases.run]
        works += [host.lease_sync.run] if host.lease_sync is not None else []
        tasks += [asyncio.create_task(cast(Any, work)()) for work in works]
    await asyncio.sleep(1)
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


@on_virtual_time
async def test_what_frontends_use_is_loaded_once_and_stays_until_the_last_has_ended() -> None:
    place = Place()
    first, second = await place.frontend(), await place.frontend()
    assert [place.triton.count(f"load {name}") for name in ("espeak", "pocketsphinx-en")] == [1, 1]
    async with served(place.host, first, second):
        ours, theirs = opened(first), opened(second)
        await first.switching.use("tone", ours)
        await second.switching.use("tone", theirs)
        await asyncio.sleep(0.1)
        assert place.sessions_of("tone") == {ours.id, theirs.id}
        assert place.triton.count("load tone") == 1
        first.forget(ours)
        await asyncio.sleep(600)
        assert place.triton.states["tone"] == "READY", "the other speaks with it"
        second.forget(theirs)
        await asyncio.sleep(100)
        assert place.triton.states["tone"] == "UNAVAILABLE"
        assert place.triton.states["espeak"] == "READY", "what sessions start with stays"
        assert place.triton.count("load tone") == 1, "and no frontend brings it back"
        await first.manager.ensure("tone", "tts")
        assert place.triton.states["tone"] == "READY"


@on_virtual_time
async def test_a_frontend_that_is_killed_holds_nothing_after_the_expiry() -> None:
    place = Place()
    host = await place.frontend(server={"max_sessions": 200})
    async with served(place.host):
        async with served(host):
            sessions = [opened(host) for _ in range(100)]
            await asyncio.sleep(0.1)
            assert place.sessions_of("espeak") == {session.id for session in sessions}
        await asyncio.sleep(16)
        assert place.manager.residency.all_leases() == set()


@on_virtual_time
async def test_leases_are_taken_again_at_a_manager_that_was_restarted() -> None:
    place = Place()
    host = await place.frontend()
    async with served(host):
        session = opened(host)
        await asyncio.sleep(0.1)
        place.start_manager()
        assert place.sessions_of("espeak") == set()
        await asyncio.sleep(6)
        assert place.sessions_of("espeak") == {session.id}


@on_virtual_time
async def test_calls_go_on_while_the_manager_is_gone() -> None:
    place = Place()
    host = await place.frontend()

    async def gone(_scope: Any, _receive: Any, _send: Any) -> None:
        raise httpx2.ConnectError("connection refused")

    async with served(host):
        place.transport = httpx2.ASGITransport(app=gone)
        session = opened(host)
        await asyncio.sleep(60)
        assert host.manager.info("espeak") is not None
        with pytest.raises(ManagerUnavailable, match="vdx manager"):
            await host.switching.use("tone", session)
        assert session.options.voice == "espeak"


@on_virtual_time
async def test_a_refusal_of_the_manager_reaches_the_frontend_with_its_figures() -> None:
    place = Place(resident_cap=1)
    host = await place.frontend()
    async with served(place.host, host):
        opened(host)
        await asyncio.sleep(0.1)
        with pytest.raises(LoadRefused, match=r"resident_cap is 1: espeak \(leased by 2 sessions"):
            await host.switching.use("tone")


@on_virtual_time
async def test_what_an_operator_unloads_is_not_brought_back_by_a_frontend() -> None:
    place = Place()
    host = await place.frontend()
    async with served(place.host, host):
        await host.switching.use("tone", opened(host))
        await asyncio.sleep(1)
        await place.manager.unload("tone")
        await asyncio.sleep(30)
        assert place.triton.states["tone"] == "UNAVAILABLE"
        await place.manager.ensure("tone")
        await asyncio.sleep(30)
        assert place.triton.states["tone"] == "READY"


@on_virtual_time
async def test_a_lease_of_a_model_that_is_not_there_hinders_no_other() -> None:
    place = Place()
    client = ManagerClient(URL, KEY, transport=cast(Any, place))
    with capture_logs() as logs:
        await client.lease({("s", "nobody"), ("s", "tone")})
    assert any(line.get("models") == "nobody" for line in logs)
    assert place.manager.residency.all_leases() == {("s", "tone")}
    await client.release({("s", "tone")})
    await client.release({("s", "tone")})
    assert await client.renew({"s"}) == 0


@on_virtual_time
async def test_a_dead_model_is_loaded_anew_by_the_manager_alone() -> None:
    place = Place()
    first, second = await place.frontend(), await place.frontend()
    async with served(place.host, first, second):
        place.triton.dead["espeak"] = ModelDied("gone", model="espeak")
        await place.manager.ensure("espeak")
        await asyncio.sleep(20)
        assert place.triton.count("load espeak") == 2
        assert place.triton.count("unload espeak") == 1


@on_virtual_time
async def test_a_manager_knows_whether_its_frontends_have_another_server() -> None:
    """Then its Triton is started anew a little later: the other one may be on the same machine."""
    place = Place()
    await place.manager.ensure("espeak")
    (server,) = place.host.servers
    voice = {"kind": "tts", "state": "resident"}
    other = {"name": "far", "addr": "far:8001", "models": {"espeak": voice}}

    def announced(**changes: Any) -> bool:
        entry = ServerEntry.model_validate(other | changes)
        place.host.routes.registry.hear(entry, asyncio.get_running_loop().time())
        return place.host.routes.others_have(server)

    assert not announced(), "nobody uses it"
    place.manager.leases.take("s", "espeak")
    assert announced()
    assert not announced(draining=True)
    assert not announced(models={"espeak": voice | {"state": "absent"}})


async def test_a_manager_serves_no_conversations() -> None:
    place = Place()
    async with httpx2.AsyncClient(transport=place.transport, base_url=URL) as client:
        headers = {"Authorization": f"Bearer {KEY}"}
        assert (await client.get("/vdx/models", headers=headers)).status_code == 200
        assert (await client.get("/vdx/models")).status_code == 401
        assert (await client.post("/v1/audio/speech", headers=headers)).status_code == 404
        assert "/vdx/leases" in (await client.get("/openapi.json", headers=headers)).json()["paths"]


def test_a_second_manager_of_one_triton_is_refused() -> None:
    refused = pytest.raises(SetupError, match=r"unix:/a; frontends can share it: vdx frontend")
    with manager_lock("unix:/a"), manager_lock("unix:/b"), refused, manager_lock("unix:/a"):
        pass
    with manager_lock("unix:/a"):
        pass


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("localhost:8001", "127.0.0.1:8001"),
        ("127.0.0.1:8001", "[::1]:8001"),
        ("dns:///gpu.example:8001", "GPU.example:8001"),
        ("unix:/run/vdx/t:8001", "unix:///run/vdx/../vdx/t:8001"),
    ],
)
def test_a_second_manager_is_refused_however_it_writes_the_address(first: str, second: str) -> None:
    with (
        manager_lock(first),
        pytest.raises(SetupError, match="another model manager"),
        manager_lock(second),
    ):
        pass


def test_managers_of_two_tritons_do_not_meet() -> None:
    with manager_lock("localhost:8001"), manager_lock("localhost:8011"), manager_lock("gpu:8001"):
        pass


def test_a_manager_that_was_killed_leaves_no_lock() -> None:
    code = (
        "import os, signal; from vdx.serving.manager_lock import manager_lock\n"
        "with manager_lock('unix:/killed'): os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", code], check=False, env=dict(os.environ))
    assert ended.returncode == -signal.SIGKILL
    with manager_lock("unix:/killed"):
        pass


@on_virtual_time
async def test_what_the_manager_before_loaded_goes_when_idle_and_what_others_loaded_stays(
    tmp_path: Path,
) -> None:
    place = Place(ManagedModels(tmp_path, "unix:/t"))
    await place.manager.ensure("tone")
    await place.manager.ensure("canned")
    await place.manager.unload("canned")
    await place.triton.load("canned")  # by a frontend without a manager
    await place.triton.load("bell")
    place.start_manager()
    async with served(place.host):
        await asyncio.sleep(30)
        assert place.manager.residency.why("tone") == "not used"
        assert place.manager.residency.why("bell") == "loaded by another client"
        await asyncio.sleep(120)
        states = [place.triton.states[name] for name in ("tone", "bell", "canned")]
        assert states == ["UNAVAILABLE", "READY", "READY"]


@on_virtual_time
async def test_what_a_killed_manager_was_loading_goes_when_idle(tmp_path: Path) -> None:
    place = Place(ManagedModels(tmp_path, "unix:/t"))
    place.triton.load_s = 5.0
    killed = asyncio.create_task(place.manager.ensure("tone"))
    await asyncio.sleep(1)
    assert place.triton.states["tone"] == "LOADING"
    place.start_manager()  # as after kill -9: the other one gets no further in what it does
    place.remembered = None
    killed.cancel()
    await asyncio.wait({killed})
    place.triton.states["tone"] = "READY"  # Triton goes on with it
    async with served(place.host):
        await asyncio.sleep(30)
        assert place.manager.residency.why("tone") == "not used"
        await asyncio.sleep(120)
        assert place.triton.states["tone"] == "UNAVAILABLE"


@on_virtual_time
async def test_a_lease_of_a_session_that_nobody_knows_holds_a_model_no_longer_than_it_lasts() -> (
    None
):
    place = Place(ttl_ms=1000)
    client = ManagerClient(URL, KEY, transport=cast(Any, place))
    assert await client.renew({"nobody"}) == 0
    await client.release({("nobody", "tone")})
    await place.manager.ensure("tone")
    async with served(place.host):
        await client.lease({("nobody", "tone")})
        await asyncio.sleep(14)
        assert place.triton.states["tone"] == "READY"
        await asyncio.sleep(60)
        assert place.sessions_of("tone") == set()
        assert await client.renew({"nobody"}) == 0
        assert place.triton.states["tone"] == "UNAVAILABLE"


@on_virtual_time
async def test_what_crashed_is_loaded_again_no_faster_than_max_parallel_loads() -> None:
    place = Place(max_parallel_loads=1)
    for name in ("espeak", "tone", "bell"):
        await place.manager.ensure(name)
        place.manager.leases.take("someone", name)
    async with served(place.host):
        place.triton.lost()
        place.triton.back()
        place.manager.recovery.suspect()
        await asyncio.sleep(10)
        loaded = [place.triton.count(f"load {name}") for name in ("espeak", "tone", "bell")]
        assert loaded == [2, 2, 2]
        assert place.triton.most_loading == 1


@on_virtual_time
async def test_a_manager_that_refuses_the_key_names_its_setting() -> None:
    place = Place()
    client = ManagerClient(URL, "w" * 16, transport=cast(Any, place))
    for ask in (client.require(), client.load("tone"), client.lease([("s", "tone")])):
        with pytest.raises(ManagerRefused, match=r"model_manager\.api_key") as told:
            await ask
        assert not told.value.retryable


@pytest.mark.parametrize("content", ["", "{", '{"a": 1}', "[1, null]"])
def test_a_file_that_is_broken_remembers_nothing(tmp_path: Path, content: str) -> None:
    remembered = ManagedModels(tmp_path / "managed", "unix:/t")
    assert remembered.read() == frozenset()
    remembered.write(["b", "a"])
    assert remembered.read() == {"a", "b"}
    remembered.file.write_text(content)
    assert remembered.read() <= {"a"}


def test_a_frontend_without_its_manager_is_told_how_to_start_one() -> None:
    async def asks() -> None:
        async with ManagerClient("http://127.0.0.1:9") as client:
            await client.require()

    with pytest.raises(ManagerUnavailable, match=r"no model manager answers at .*: vdx manager"):
        asyncio.run(asks())


@on_virtual_time
async def test_a_lease_of_before_a_restart_is_taken_again_beside_a_newer_one() -> None:
    place = Place()
    host = await place.frontend()
    async with served(host):
        session = opened(host)
        await asyncio.sleep(0.5)
        place.start_manager()
        await host.switching.use("tone", session)
        await asyncio.sleep(0.1)
        assert place.sessions_of("tone") == {session.id}
        await asyncio.sleep(6)
        assert place.sessions_of("pocketsphinx-en") == {session.id}
        kept = host.manager.residency.kept
        assert all(place.manager.residency.leases(model) for model in kept)


@on_virtual_time
async def test_leases_last_between_rare_heartbeats() -> None:
    rare = {"lease_heartbeat_ms": 20_000, "lease_expiry_ms": 60_000}
    place = Place(**rare)
    host = await place.frontend(model_manager=rare)
    async with served(host):
        session = opened(host)
        await asyncio.sleep(1)
        for second in range(60):
            if second == 17:
                opened(host)  # what has changed is sent
            await asyncio.sleep(1)
            assert session.id in place.sessions_of("espeak")


@on_virtual_time
async def test_a_switch_that_ends_after_its_session_leases_nothing() -> None:
    place = Place()
    host = await place.frontend()
    session = opened(host)
    switching = asyncio.create_task(host.switching.use("tone", session))
    await asyncio.sleep(0.1)
    host.forget(session)
    await switching
    assert host.manager.residency.leases("tone") == frozenset()
    assert host.leases._held == {}


@pytest.mark.parametrize("answer", [b"{}", b"[]", b"null", b"1", b'"x"', b"\xff", b"<p>"])
async def test_what_is_no_manager_is_told_so(answer: bytes) -> None:
    async def odd(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": answer})

    transport = httpx2.ASGITransport(app=odd)
    client = ManagerClient(URL, KEY, transport=cast(Any, transport))
    for call in (client.require, partial(client.renew, {"s"}), partial(client.lease, {("s", "m")})):
        with pytest.raises(ManagerUnavailable, match="is no model manager"):
            await call()


@pytest.mark.parametrize("error", [ModelTimeout, ModelBusy, TritonUnavailable, ModelDied])
@on_virtual_time
async def test_a_failure_that_a_retry_can_help_stays_one(error: type[TritonError]) -> None:
    place = Place()
    host = await place.frontend()
    place.triton.failures["load tone"] = [error("not now", model="tone")]
    with pytest.raises(TritonError, match="not now") as told:
        await host.manager.ensure("tone")
    assert told.value.code == error.code
    assert told.value.retryable


async def test_released_models_that_are_not_there_leave_no_metrics() -> None:
    place = Place()
    client = ManagerClient(URL, KEY, transport=cast(Any, place))
    await client.release({("s", f"nobody-{n}") for n in range(100)})
    assert b"nobody-" not in generate_latest(REGISTRY)


@on_virtual_time
async def test_when_free_counts_the_sessions_of_other_frontends() -> None:
    place = Place()
    first, second = await place.frontend(), await place.frontend()
    async with served(place.host, first, second):
        theirs = opened(second)
        await second.switching.use("tone", theirs)
        await asyncio.sleep(0.1)
        assert not await first.switching.unload_when_free("tone")
        await asyncio.sleep(5)
        assert place.triton.states["tone"] == "READY"
        second.forget(theirs)
        await asyncio.sleep(35)
        assert place.triton.states["tone"] == "UNAVAILABLE"


async def test_leases_need_the_key_of_the_manager() -> None:
    place = Place()
    async with httpx2.AsyncClient(transport=place.transport, base_url=URL) as client:
        for path in ("", "/renew", "/release"):
            body = {"leases": [{"session": "s", "model": "tone"}], "sessions": ["s"]}
            answer = await client.post(f"/vdx/leases{path}", json=body)
            assert answer.status_code == 401
    assert place.manager.residency.all_leases() == set()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"leases": [{"session": "", "model": "tone"}]},
        {"leases": [{"session": "s" * 201, "model": "tone"}]},
        {"leases": [{"session": 1, "model": "tone"}]},
        {"leases": "all"},
    ],
)
async def test_leases_that_are_none_are_refused_whole(body: Any) -> None:
    place = Place()
    async with httpx2.AsyncClient(transport=place.transport, base_url=URL) as client:
        headers = {"Authorization": f"Bearer {KEY}"}
        answer = await client.post("/vdx/leases", json=body, headers=headers)
    assert answer.status_code == 400
    assert place.manager.residency.all_leases() == set()


@on_virtual_time
async def test_a_refused_load_says_when_to_come_again() -> None:
    place = Place(resident_cap=1)
    await place.manager.ensure("espeak", "tts")
    place.manager.leases.take("s", "espeak")
    async with httpx2.AsyncClient(transport=place.transport, base_url=URL) as client:
        headers = {"Authorization": f"Bearer {KEY}"}
        answer = await client.post("/vdx/models/tone/load", headers=headers)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert answer.json()["error"]["code"] == "load_refused"


@on_virtual_time
async def test_a_voice_that_gave_way_before_its_session_began_is_loaded_again() -> None:
    triton = SpeakingTriton(dict(KINDS), load_s=5.0)
    config = Config.model_validate({"model_manager": {"resident_cap": 2}})
    manager = ModelManager(cast(Any, triton), config=config.model_manager, owner=True)
    host = Application(config, cast(Any, triton), manager)
    await host.profiles.find()
    manager.residency.kept = {}
    await manager.ensure("bell", "tts")
    opening = asyncio.create_task(host.models.require(host.profiles.options("")))
    await asyncio.sleep(6)  # its voice is there, its recogniser is being loaded
    assert manager.info("espeak") is not None
    await manager.ensure("bell", "tts")
    tone = asyncio.create_task(manager.ensure("tone", "tts"))
    options = await opening
    assert manager.info(options.voice) is not None
    assert manager.info(options.recogniser) is not None
    await tone


@on_virtual_time
async def test_the_last_voice_can_be_unloaded_and_comes_back_when_it_is_asked_for() -> None:
    place = Place()
    host = await place.frontend()
    async with served(place.host, host):
        session = opened(host)
        assert await host.switching.unload("espeak") == ([], [session.id])
        await asyncio.sleep(30)
        assert place.triton.states["espeak"] == "UNAVAILABLE", "nobody brings it back unasked"
        assert session.options.voice == "espeak"
        options = await host.models.require(session.options)
        assert options.voice == "espeak"
        assert place.triton.states["espeak"] == "READY"


@on_virtual_time
async def test_sessions_that_hold_no_lease_take_no_memory() -> None:
    place = Place()
    client = ManagerClient(URL, KEY, transport=cast(Any, place))
    assert await client.renew({f"nobody-{n}" for n in range(1000)}) == 0
    await client.release({(f"nobody-{n}", "tone") for n in range(1000)})
    await client.lease({(f"s{n}", "tone") for n in range(1000)})
    await asyncio.sleep(16)
    assert await client.renew({"s1"}) == 0
    assert place.manager.residency._leases._until == {}


@on_virtual_time
async def test_a_frontend_gets_the_model_that_it_names_and_not_a_newer_version() -> None:
    """As one does that goes back to it."""
    place = Place()
    frontend = await place.frontend()
    place.host.served.versions.put("tone", "bell")
    async with served(place.host, frontend):
        assert (await frontend.manager.ensure("tone")).name == "tone"
        assert place.triton.states["tone"] == "READY"
        await frontend.manager.unload("tone")
        assert place.triton.states["tone"] == "UNAVAILABLE"
        assert place.triton.count("load bell") == place.triton.count("unload bell") == 0
