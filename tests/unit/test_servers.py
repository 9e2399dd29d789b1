"""Sessions of one process over two Tritons: where they go, and what becomes of one that fails."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType, SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from prometheus_client import REGISTRY

from tests.unit.serving.fakes import NoProcesses
from tests.unit.test_app import KINDS, SpeakingTriton, opened
from tests.unit.virtual_time import on_virtual_time
from vdx.app import Application
from vdx.app.model_routes import MOST_WAITING
from vdx.app.routed_speech import RoutedSpeech
from vdx.core.audio import SPEAK_FRAME
from vdx.core.config import Config, TritonConfig
from vdx.core.errors import (
    ModelBusy,
    ModelRejected,
    ModelUnavailable,
    ServersBusy,
    TritonError,
    TritonUnavailable,
)
from vdx.core.events import Clause, SpeechChunk, Word
from vdx.core.voice_choice import VoiceChoice
from vdx.serving.manager import ModelManager
from vdx.serving.models import ModelInfo
from vdx.serving.routing import OVERLOADED
from vdx.serving.triton import SynthesisRequest
from vdx.speech.output.reply_audio import ReplyAudio
from vdx.speech.output.tts import Speaker, Voice, speak
from vdx.transports.http.routes import drain_server
from vdx.transports.realtime.connection import Connection

GONE = TritonUnavailable("Triton does not answer")
WORD_MS = 100


class Talking(SpeakingTriton):
    """Says each word in WORD_MS, and ends with `breaks` after `breaks_after` words."""

    breaks_after: int = 0
    breaks_of: Mapping[str, TritonError] = MappingProxyType({})
    """Models that fail every request, with the error."""
    first_s: Mapping[str, float] = MappingProxyType({})
    """How long models take to the first word."""
    said: list[str]

    async def synthesize(
        self, model: str, request: SynthesisRequest
    ) -> AsyncGenerator[SpeechChunk, None]:
        self.said.append(request.text)
        self.calls.append(f"speak {model}")
        if not self.answers:
            raise GONE
        await asyncio.sleep(self.first_s.get(model, 0.0))
        if model in self.breaks_of:
            raise self.breaks_of[model]
        position = 0
        for number, word in enumerate(request.text.split()):
            if self.breaks is not None and number == self.breaks_after:
                raise self.breaks
            start = request.text.index(word, position)
            position = start + len(word)
            at = number * WORD_MS
            audio = np.ones((WORD_MS // 20, SPEAK_FRAME), np.int16)
            yield SpeechChunk(audio, (Word(word, at, at + WORD_MS, start, position),))
            await asyncio.sleep(WORD_MS / 1000)

    def recognise(self, model: str, **_: Any) -> str:
        self.calls.append(f"hear {model}")
        return model


async def on_disk() -> dict[str, ModelInfo]:
    return {name: ModelInfo(name, kind, "fake", ("en",), 48_000) for name, kind in KINDS.items()}


class Box:
    """Two Tritons with the same models, and the application over them."""

    def __init__(self, **config: Any) -> None:
        self.tritons = [self._triton(number) for number in (0, 1)]
        own = Config.model_validate(config)
        first, second = [self._manager(triton, own) for triton in self.tritons]
        self.host = Application(own, cast(Any, self.tritons[0]), first, name="zero")
        self.host.add_server("one", cast(Any, self.tritons[1]), second)

    def _triton(self, number: int) -> Talking:
        config = TritonConfig(url=f"unix:/run/vdx/{number}:8001")
        triton = Talking(dict(KINDS), config=config, load_s=0.5)
        triton.said = []
        return triton

    def _manager(self, triton: Talking, config: Config) -> ModelManager:
        manager = ModelManager(cast(Any, triton), on_disk, config=config.model_manager, owner=True)
        manager.recovery.jitter_s = 0.0
        manager.recovery._processes = cast(Any, NoProcesses())
        return manager

    def leases(self, model: str) -> list[int]:
        return [len(each.manager.residency.leases(model)) for each in self.host.servers]

    def of(self, session: Any) -> Any:
        return self.host.routes.of(session.id)


@asynccontextmanager
async def box(**config: Any) -> AsyncIterator[Box]:
    made = Box(**config)
    await made.host.load_defaults()
    watch = asyncio.create_task(made.host.watch_models())
    await asyncio.sleep(2)
    try:
        yield made
        assert not watch.done(), watch
    finally:
        watch.cancel()
        await asyncio.wait({watch})
        await made.host.close()


async def say(made: Box, session: Any, text: str = "hello", voice: str = "espeak") -> None:
    async for _ in made.of(session).synthesize(Voice(voice, "en"), text):
        pass


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """On virtual time nobody waits for a thread."""

    async def at_once(work: Any, *arguments: Any) -> Any:
        return work(*arguments)

    monkeypatch.setattr("vdx.app.application.in_thread", at_once)
    monkeypatch.setattr("vdx.app.model_updates.in_thread", at_once)


@on_virtual_time
async def test_sessions_spread_and_each_stays_where_it_is() -> None:
    async with box() as made:
        sessions = [opened(made.host) for _ in range(8)]
        assert made.leases("espeak") == [4, 4]
        assert made.leases("pocketsphinx-en") == [4, 4]
        for _ in range(3):
            for session in sessions:
                await say(made, session)
        assert [len(triton.said) for triton in made.tritons] == [12, 12]
        for session in sessions:
            made.host.forget(session)
        assert made.leases("espeak") == [0, 0]


@on_virtual_time
async def test_both_have_what_sessions_start_with_and_nothing_else() -> None:
    async with box(model_manager={"preload_model_ids": ["tone"]}) as made:
        loaded = {"espeak", "pocketsphinx-en", "tone"}
        for triton in made.tritons:
            assert {name for name, state in triton.states.items() if state == "READY"} == loaded
        await made.host.switching.use("bell")
        assert [triton.states["bell"] for triton in made.tritons] == ["READY", "UNAVAILABLE"]


@on_virtual_time
async def test_a_server_that_dies_before_the_first_audio_costs_one_retry_elsewhere() -> None:
    async with box() as made:
        session = opened(made.host)
        await say(made, session)
        first = made.of(session).server_of("espeak")
        dead, other = made.tritons if first.name == "zero" else reversed(made.tritons)
        dead.lost()
        await spoken(made, session, "One two three.")
        assert dead.said[-1] == other.said[-1] == "One two three."
        assert made.of(session).server_of("espeak").name != first.name
        assert first.manager.residency.leases("espeak") == frozenset()
        assert all(opened(made.host) for _ in range(4))
        assert len(first.manager.residency.leases("espeak")) == 0, "nobody is sent there"
        dead.back()
        await asyncio.sleep(30)
        later = [opened(made.host) for _ in range(8)]
        assert made.of(later[0]).server_of("espeak").name == first.name


async def spoken(made: Box, session: Any, *texts: str, voice: str = "espeak") -> list[str]:
    """Speaks clauses as a reply does; the texts of what was put into its audio, span by span."""
    routes, failures = made.of(session), []
    audio = ReplyAudio(9, 1, lambda _: None)
    speaker = Speaker(
        lambda: Voice(voice, "en"), routes.synthesize, failures.append, routes.recover_voice
    )

    async def clauses() -> AsyncIterator[Clause]:
        for text in texts:
            yield Clause(text, 0, len(text))

    speaking = asyncio.create_task(speak(clauses(), speaker, audio))
    await asyncio.sleep(0)
    while not audio.exhausted:
        await audio.wait()
        if not audio.exhausted:
            audio.take()
    await speaking
    return [" ".join(word.word for word in span.words) for span in audio.spans]


@on_virtual_time
async def test_one_that_dies_in_mid_clause_is_followed_by_the_next_word() -> None:
    async with box() as made:
        session = opened(made.host)
        await say(made, session)
        first = made.of(session).server_of("espeak")
        dead, other = made.tritons if first.name == "zero" else reversed(made.tritons)
        dead.breaks, dead.breaks_after = GONE, 2
        spans = await spoken(made, session, "One two three four.", "And five.")
        assert spans == ["One two", "three four.", "And five."]
        assert other.said == ["three four.", "And five."], "no word twice, and the session stays"


@on_virtual_time
async def test_a_server_tells_how_quick_its_voices_are() -> None:
    async with box() as made:
        session = opened(made.host)
        metrics = made.of(session).server_of("espeak").entry().models["espeak"].metrics
        assert (metrics.rtf, metrics.p50_first_audio_ms) == (None, None)
        await say(made, session)
        metrics = made.of(session).server_of("espeak").entry().models["espeak"].metrics
        assert metrics.rtf is not None
        assert 0 <= metrics.rtf < 1
        assert metrics.p50_first_audio_ms is not None


def counted(metric: str, outcome: str, kind: str = "tts") -> float:
    labels = {"kind": kind, "outcome": outcome}
    return REGISTRY.get_sample_value(f"vdx_{metric}_total", labels) or 0.0


@on_virtual_time
async def test_choices_and_failures_are_counted() -> None:
    async with box() as made:
        kinds = ("stays", "moves", "fallback", "none")
        routes = [counted("routes", each) for each in kinds]
        before = counted("failovers", "elsewhere")
        restored = counted("failovers", "restored", "asr")
        session = opened(made.host)
        await say(made, session)
        first = made.of(session).server_of("espeak")
        dead = made.tritons[0 if first.name == "zero" else 1]
        dead.breaks, dead.breaks_after = GONE, 1
        await spoken(made, session, "One two.")
        await say(made, session, voice="tone")
        now = [counted("routes", each) for each in kinds]
        assert [after - then for after, then in zip(now, routes, strict=True)] == [2, 2, 1, 0]
        assert counted("failovers", "elsewhere") == before + 1
        made.of(session)._failed.clear()
        (only,) = [each for each in made.host.servers if each is not first]
        made.host.servers.remove(only)
        await made.of(session).recover_recogniser(session.options, GONE)
        assert counted("failovers", "restored", "asr") == restored + 1


@on_virtual_time
async def test_a_text_that_two_servers_fail_on_goes_to_no_third() -> None:
    async with box(model_manager={"preload_model_ids": ["tone"]}) as made:
        session = opened(made.host)
        for triton in made.tritons:
            triton.breaks = GONE
        routes = made.of(session)
        assert await routes.recover_voice(Voice("espeak", "en"), GONE, 1) is not None
        assert await routes.recover_voice(Voice("espeak", "en"), GONE, 2) != Voice("espeak", "en")


@on_virtual_time
async def test_what_the_request_caused_is_not_the_servers() -> None:
    async with box() as made:
        session = opened(made.host)
        routes = made.of(session)
        before = routes.server_of("espeak")

        def fails(error: TritonError) -> None:
            routes.failed(before, error)

        fails(ModelRejected("bad text", model="espeak"))
        await say(made, session)
        assert routes.server_of("espeak") is before
        fails(ModelBusy("full", model="espeak"))
        await say(made, session)
        assert routes.server_of("espeak") is not before


@on_virtual_time
async def test_a_recogniser_is_asked_on_the_other_server() -> None:
    async with box() as made:
        session = opened(made.host)
        routes = made.of(session)
        routes.recognise(session.options, session.id)
        first = routes.server_of("pocketsphinx-en")
        routes.failed(first, GONE)
        assert await routes.recover_recogniser(session.options, GONE)
        routes.recognise(session.options, session.id)
        assert routes.server_of("pocketsphinx-en") is not first
        heard = [triton.count("hear pocketsphinx-en") for triton in made.tritons]
        assert heard == [1, 1]


@on_virtual_time
async def test_a_server_that_drains_is_left_at_the_next_clause() -> None:
    async with box() as made:
        session = opened(made.host)
        await say(made, session)
        first = made.of(session).server_of("espeak")
        first.draining = True
        await say(made, session)
        assert made.of(session).server_of("espeak") is not first
        assert first.manager.residency.leases("espeak") == frozenset()


@on_virtual_time
async def test_whether_others_have_what_is_used_on_a_server() -> None:
    async with box() as made:
        routes, (zero, one) = made.host.routes, made.host.servers
        assert not routes.others_have(zero), "nothing is used there"
        session = opened(made.host)
        await say(made, session)
        used = made.of(session).server_of("espeak")
        other = one if used is zero else zero
        assert routes.others_have(used)
        await other.manager.unload("espeak")
        await asyncio.sleep(2)
        assert not routes.others_have(used)


@on_virtual_time
async def test_sessions_that_left_a_dead_server_before_its_end_was_noticed_are_spared() -> None:
    """Its start would take the cores on which they go on."""
    async with box() as made:
        session = opened(made.host)
        await say(made, session)
        dead = made.of(session).server_of("espeak")
        made.of(session).failed(dead, GONE)
        made.of(session).recognise(session.options, session.id)
        await say(made, session)
        assert dead.manager.residency.all_leases() == set()
        assert made.host.routes.others_have(dead)
        made.host.forget(session)
        assert not made.host.routes.others_have(dead), "nobody is there"


@on_virtual_time
async def test_the_last_server_that_drains_serves_on_and_tells_so() -> None:
    async with box() as made:
        session = opened(made.host)
        await say(made, session)
        assert not (await drain_server(made.host, "zero", off=False)).alone
        told = await drain_server(made.host, "one", off=False)
        assert told.alone
        await say(made, session)
        await say(made, opened(made.host))
        assert not (await drain_server(made.host, "zero", off=True)).alone
        await say(made, session)
        assert made.of(session).server_of("espeak").name == "zero"


@on_virtual_time
async def test_a_server_drains_alone_where_the_other_does_not_answer() -> None:
    async with box() as made:
        _, one = made.host.servers
        one.answers = False
        assert one.name in made.host.routes.view().servers, "it was announced before"
        assert (await drain_server(made.host, "zero", off=False)).alone


@on_virtual_time
async def test_a_voice_that_is_loaded_nowhere_is_loaded_while_another_speaks() -> None:
    async with box() as made:
        session = opened(made.host)
        await say(made, session, voice="tone")
        await asyncio.sleep(0.1)
        (triton,) = [each for each in made.tritons if each.count("load tone")]
        assert [each.count("speak espeak") for each in made.tritons].count(1) == 1
        await say(made, session, voice="tone")
        assert sum(each.count("load tone") for each in made.tritons) == 1
        await asyncio.sleep(1)
        await say(made, session, voice="tone")
        assert triton.count("speak tone") == 1


@on_virtual_time
async def test_what_an_operator_unloaded_stays_unloaded() -> None:
    async with box(model_manager={"preload_model_ids": ["tone"]}) as made:
        session = opened(made.host)
        await made.host.switching.unload("tone")
        assert [triton.states["tone"] for triton in made.tritons] == ["UNAVAILABLE"] * 2
        await say(made, session, voice="tone")
        await asyncio.sleep(5)
        assert [triton.states["tone"] for triton in made.tritons] == ["UNAVAILABLE"] * 2


@on_virtual_time
async def test_the_first_server_is_no_more_needed_than_the_others() -> None:
    async with box() as made:
        made.tritons[0].lost()
        await asyncio.sleep(10)
        assert made.host.ready
        options = await made.host.models.require(made.host.profiles.options(""))
        session = made.host.open_session(options, cast(Any, object()))
        await say(made, session)
        assert made.tritons[1].said == ["hello"]
        assert [entry.name for entry in await made.host.routes.entries()] == ["one"]
        assert made.host.serving("espeak").name == "one"
        assert {status.name for status in await made.host.served.statuses()} == set(KINDS)
        (voice, _) = await made.host.routes.explain([session])
        assert voice.choice.server == "one"
        made.tritons[1].lost()
        await asyncio.sleep(10)
        assert made.host.problem


@on_virtual_time
async def test_a_session_that_has_ended_leaves_nothing_behind() -> None:
    async with box() as made:
        session = opened(made.host)
        explaining = asyncio.create_task(made.host.routes.explain([session]))
        await asyncio.sleep(0)
        made.host.forget(session)
        assert await explaining == []
        session.update(session.options.updated(voice_choice=VoiceChoice("tone")))
        assert made.host.routes._sessions == {}, "a switch may end after its session"


@on_virtual_time
async def test_a_reload_is_of_every_server_that_has_the_model() -> None:
    async with box() as made:
        before = [triton.count("load espeak") for triton in made.tritons]
        await made.host.served.reload("espeak")
        after = [triton.count("load espeak") for triton in made.tritons]
        assert after == [count + 1 for count in before]


@on_virtual_time
async def test_a_model_that_is_asked_for_again_is_loaded_anywhere() -> None:
    async with box(model_manager={"preload_model_ids": ["tone"]}) as made:
        session = opened(made.host)
        await made.host.switching.unload("tone")
        await made.host.models.load("tone")
        assert [triton.states["tone"] for triton in made.tritons] == ["READY", "UNAVAILABLE"]
        made.tritons[0].lost()
        await asyncio.sleep(2)
        await say(made, session, voice="tone")
        await asyncio.sleep(2)
        assert made.tritons[1].states["tone"] == "READY"


@on_virtual_time
async def test_a_voice_that_only_the_other_server_has_may_speak_one_reply() -> None:
    async with box() as made:
        await made.host.servers[1].manager.ensure("bell")
        connection = cast(Any, SimpleNamespace(_host=made.host))
        assert Connection._is_loaded(connection, "bell")
        assert not Connection._is_loaded(connection, "tone")


@on_virtual_time
async def test_files_that_cannot_be_read_for_a_while_end_nothing() -> None:
    async with box() as made:
        server = made.host.servers[0]

        async def unread() -> dict[str, ModelInfo]:
            raise OSError("Too many open files")

        read, server.manager._read_models = server.manager._read_models, unread
        await asyncio.sleep(5)
        assert server.answers
        server.manager._read_models = read


@on_virtual_time
async def test_a_server_that_announces_what_it_cannot_do_costs_one_retry() -> None:
    async with box() as made:
        session = opened(made.host)
        await say(made, session)
        first = made.of(session).server_of("espeak")
        cannot, can = made.tritons if first.name == "zero" else reversed(made.tritons)
        cannot.breaks_of = {"espeak": ModelUnavailable("there is no such model", model="espeak")}
        assert await spoken(made, session, "One two.", "Three.") == ["One two.", "Three."]
        assert cannot.said[-1] == "One two."
        assert can.said == ["One two.", "Three."], "it is not asked again"


@on_virtual_time
async def test_a_model_that_failed_does_not_shut_out_its_server() -> None:
    async with box(model_manager={"preload_model_ids": ["tone"]}) as made:
        session = opened(made.host)
        await say(made, session)
        await say(made, session, voice="tone")
        routes = made.of(session)
        server = routes.server_of("espeak")
        routes.failed(server, ModelUnavailable("it ended", model="tone"))
        await say(made, session)
        assert routes.server_of("espeak") is server
        await say(made, session, voice="tone")
        assert routes.server_of("tone") is not server


@on_virtual_time
async def test_one_that_hangs_does_not_keep_the_others_from_being_seen() -> None:
    async with box() as made:
        hung, other = made.tritons

        async def hangs() -> list[Any]:
            await asyncio.sleep(5)
            raise GONE

        hung.index = hangs  # type: ignore[method-assign]
        await asyncio.sleep(2)
        began = asyncio.get_running_loop().time()
        other.states["bell"] = "READY"
        (entry,) = [each for each in await made.host.routes.entries() if each.name == "one"]
        assert entry.models["bell"].state == "resident"
        assert asyncio.get_running_loop().time() - began <= 1.01
        await asyncio.sleep(6)
        assert [each.name for each in await made.host.routes.entries()] == ["one"]


def _full(made: Box, *, model: str = "espeak", count: int = OVERLOADED) -> None:
    for triton in made.tritons:
        triton.streams.in_flight = (  # type: ignore[method-assign]
            lambda asked, wanted=model: count if asked == wanted else 0
        )


@pytest.mark.parametrize("model", ["espeak", "pocketsphinx-en"])
@on_virtual_time
async def test_a_session_waits_for_a_server_with_room(model: str) -> None:
    async with box(routing={"wait_ms": 1000}) as made:
        options, clock = made.host.profiles.options(""), asyncio.get_running_loop().time
        await made.host.require_free(options)
        _full(made, model=model)
        began = clock()
        with pytest.raises(ServersBusy, match=f"16 requests in flight to {model}"):
            await made.host.require_free(options)
        assert 1.0 <= clock() - began < 1.1
        waiting = asyncio.create_task(made.host.require_free(options))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        made.tritons[1].streams.in_flight = lambda _: 3  # type: ignore[method-assign]
        await asyncio.sleep(0.1)
        assert waiting.done()
        await waiting


@on_virtual_time
async def test_many_that_wait_leave_the_loop_to_those_who_talk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with box(routing={"wait_ms": 1000}) as made:
        options, view = made.host.profiles.options(""), made.host.routes.view
        looks: list[Any] = []

        def counted() -> Any:
            looks.append(view())
            return looks[-1]

        monkeypatch.setattr(made.host.routes, "view", counted)
        _full(made, model="espeak")
        waiting = [asyncio.create_task(made.host.require_free(options)) for _ in range(100)]
        await asyncio.sleep(0.5)
        assert len(looks) < 150, "each of them looks once, and then one for all"
        made.tritons[1].streams.in_flight = lambda _: 3  # type: ignore[method-assign]
        await asyncio.sleep(0.1)
        assert await asyncio.gather(*waiting) == [None] * 100


@on_virtual_time
async def test_no_more_wait_than_can_be_served_later() -> None:
    async with box(routing={"wait_ms": 1000}) as made:
        options, clock = made.host.profiles.options(""), asyncio.get_running_loop().time
        _full(made)
        waiting = [
            asyncio.create_task(made.host.require_free(options)) for _ in range(MOST_WAITING)
        ]
        await asyncio.sleep(0)
        began = clock()
        with pytest.raises(ServersBusy):
            await made.host.require_free(options)
        assert clock() == began, "told at once"
        waiting.pop().cancel()
        await asyncio.sleep(0)
        waiting.append(asyncio.create_task(made.host.require_free(options)))
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(each) for each in ended} == {ServersBusy}
        assert clock() > began


@on_virtual_time
async def test_speech_over_http_goes_on_at_another_server() -> None:
    async with box() as made:
        info = made.host.served.info("espeak")
        assert info is not None
        first = RoutedSpeech(made.host.routes, info)
        await _spoken_over_http(first, "One.")
        broken = next(triton for triton in made.tritons if triton.said)
        other = next(triton for triton in made.tritons if triton is not broken)
        broken.breaks, broken.breaks_after = GONE, 0
        await _spoken_over_http(first, "Two three.")
        assert (broken.said, other.said) == (["One.", "Two three."], ["Two three."])
        other.breaks, other.breaks_after = GONE, 1
        with pytest.raises(TritonUnavailable):
            await _spoken_over_http(first, "It cannot be taken back.")


async def _spoken_over_http(speech: RoutedSpeech, text: str) -> None:
    async for _ in speech.synthesize("espeak", SynthesisRequest(text, "en")):
        pass
