"""What the transports of a process share, over a repository in memory."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from tests.unit.dialog.fakes import FakeTransport, utter
from tests.unit.serving.fakes import FakeTriton
from tests.unit.speech.test_chat import Endpoint, event, hangs, streams
from tests.wait_limit import WAIT_LIMIT_S
from vdx.app import Application
from vdx.cli.language_model import keep_answering
from vdx.core.config import Config
from vdx.core.errors import (
    InvalidInput,
    ModelDied,
    ModelFailed,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
    NotLoaded,
    SessionLimit,
    TritonError,
    UnknownName,
)
from vdx.core.events import SpeechChunk
from vdx.core.voice_choice import VoiceChoice
from vdx.dialog.reply_voice import voice_of
from vdx.serving.manager import ModelManager
from vdx.serving.models import ModelInfo
from vdx.serving.supervision import Supervisor
from vdx.serving.triton import SynthesisRequest
from vdx.speech.output.tts import Voice

KINDS: dict[str, Any] = {
    "espeak": "tts",
    "tone": "tts",
    "bell": "tts",
    "pocketsphinx-en": "asr",
    "canned": "asr",
}


class SpeakingTriton(FakeTriton):
    """Also speaks; `breaks` ends every clause after its first chunk."""

    breaks: TritonError | None = None

    async def synthesize(
        self, model: str, request: SynthesisRequest
    ) -> AsyncGenerator[SpeechChunk, None]:
        self.calls.append(f"speak {model}")
        yield SpeechChunk(utter(model, request.text))
        if self.breaks is not None:
            raise self.breaks


def hosted(**config: Any) -> tuple[SpeakingTriton, Application]:
    triton = SpeakingTriton(dict(KINDS), load_s=0.01)
    client = cast(Any, triton)
    return triton, Application(Config.model_validate(config), client, ModelManager(client))


def preloading(*models: str) -> dict[str, Any]:
    return {"preload_model_ids": models}


def opened(host: Application, profile: str = "") -> Any:
    return host.open_session(host.profiles.options(profile), cast(Any, FakeTransport()))


async def test_what_every_profile_needs_is_loaded_before_it_is_ready() -> None:
    triton, host = hosted(
        profiles={"vdx": {}, "tones": {"voice": "tone/high"}},
        model_manager=preloading("canned"),
    )
    assert not host.ready
    await host.load_defaults()
    assert host.ready
    assert host.manager.wanted == {"espeak", "tone", "pocketsphinx-en", "canned"}
    assert {name for name in KINDS if triton.states[name] == "READY"} == host.manager.wanted
    await host.close()


async def test_a_host_that_does_not_listen_loads_no_recogniser() -> None:
    _, host = hosted(asr={"enabled": False})
    await host.load_defaults()
    assert host.manager.wanted == {"espeak"}
    assert host.profiles.options("").recogniser == ""
    await host.switching.use("canned")
    assert host.profiles.options("").recogniser == ""


@pytest.mark.parametrize(
    "config",
    [
        {"tts": {"voice": "espek-en"}},
        {"profiles": {"vdx": {}, "x": {"fallback_voice": "nobody"}}},
        {"profiles": {"vdx": {"fallback_recogniser": "nobody"}}},
        {"tts": {"voice": "espeak"}, "model_manager": {"default_model_id": "tonne"}},
        {"asr": {"model": "pocketsfinx"}},
        {"model_manager": {"preload_model_ids": ["tones"]}},
        {"profiles": {"vdx": {}, "x": {"recogniser": "nobody"}}},
    ],
)
async def test_a_default_that_is_not_there_is_named(config: dict[str, Any]) -> None:
    _, host = hosted(**config)
    with pytest.raises((UnknownName, ExceptionGroup)) as told:
        await host.load_defaults()
    error = told.value
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, UnknownName)
    assert not host.ready


async def test_use_switches_open_sessions_and_what_comes_after() -> None:
    _, host = hosted()
    await host.load_defaults()
    sessions = [opened(host) for _ in range(3)]
    assert await host.switching.use("tone") == 3
    assert {session.options.voice for session in sessions} == {"tone"}
    assert await host.switching.use("canned", sessions[0]) == 1
    assert [s.options.recogniser for s in sessions] == ["canned", *["pocketsphinx-en"] * 2]
    assert (host.profiles.options("").voice, host.profiles.options("").recogniser) == (
        "tone",
        "pocketsphinx-en",
    )
    status = host.status()
    assert (status["voice"], status["recogniser"], status["sessions"]) == (
        "tone",
        "pocketsphinx-en",
        3,
    )


async def test_use_of_what_is_not_there_changes_nothing() -> None:
    triton, host = hosted()
    await host.load_defaults()
    session = opened(host)
    with pytest.raises(UnknownName, match="did you mean 'tone'"):
        await host.switching.use("tonne")
    triton.failures["load tone"] = [ModelFailed("no weights", model="tone")]
    with pytest.raises(ModelFailed):
        await host.switching.use("tone")
    assert (session.options.voice, host.profiles.options("").voice) == ("espeak", "espeak")


async def test_sessions_are_counted_limited_and_forgotten() -> None:
    _, host = hosted(server={"max_sessions": 2})
    await host.load_defaults()
    first, second = opened(host), opened(host)
    assert first.id != second.id
    with pytest.raises(SessionLimit, match="holds 2 sessions"):
        opened(host)
    assert host.session(first.id) is first
    assert host.session(first.ids.realtime_id) is first
    host.forget(first)
    host.forget(first)
    with pytest.raises(UnknownName, match=f"no session '{first.id}'"):
        host.session(first.id)
    assert opened(host).id in host.sessions


def test_an_unknown_profile_comes_with_those_there_are() -> None:
    _, host = hosted(profiles={"vdx": {}, "fast": {}})
    with pytest.raises(UnknownName, match="no profile 'slow'; there are: fast, vdx"):
        host.profiles.options("slow")


@pytest.mark.parametrize(
    ("error", "looked"),
    [(ModelTimeout("hung", model="tone"), True), (ModelRejected("bad text", model="tone"), False)],
)
async def test_a_voice_that_fails_is_looked_at(error: TritonError, looked: bool) -> None:
    triton, host = hosted()
    await host.load_defaults()
    await host.switching.use("tone")
    triton.breaks = error
    watch = asyncio.create_task(host.manager.run())
    await asyncio.sleep(0.1)
    probes = triton.count("probe tone")
    speak = host._session_services("s").synthesize
    with pytest.raises(type(error)):
        _ = [chunk async for chunk in speak(Voice("tone"), "hello")]
    await asyncio.sleep(0.1)  # far less than until the next probe
    assert (triton.count("probe tone") == probes + 1) is looked
    watch.cancel()
    await asyncio.wait({watch})


def test_responders_are_shared_by_equal_configurations() -> None:
    _, host = hosted(profiles={"vdx": {}, "twin": {"instructions": "Be kind."}})
    assert host._responders.of(host.profiles.options("")) is host._responders.of(
        host.profiles.options("twin")
    )


# --- voices that die ----------------------------------------------------------------------------

DIED = ModelDied("stub process died", model="tone")


def recover_voice(host: Application) -> Any:
    return host._session_services("s").recover_voice


def recover_recogniser(host: Application) -> Any:
    return host._session_services("s").recover_recogniser


@asynccontextmanager
async def watched(**config: Any) -> AsyncIterator[tuple[SpeakingTriton, Application]]:
    triton, host = hosted(model_manager=preloading("tone"), **config)
    host.manager.recovery.jitter_s = 0.0
    await host.load_defaults()
    watch = asyncio.create_task(host.manager.run())
    await asyncio.sleep(0.05)
    try:
        yield triton, host
    finally:
        watch.cancel()
        await asyncio.wait({watch})


async def test_a_voice_that_is_back_soon_goes_on_itself() -> None:
    async with watched() as (triton, host):
        triton.dead["tone"] = DIED
        voice = Voice("tone", "en")
        assert await recover_voice(host)(voice, DIED, 1) == voice
        assert triton.count("load tone") == 2


async def test_another_voice_of_the_language_speaks_for_one_that_is_not() -> None:
    async with watched() as (triton, host):
        triton.dead["tone"] = DIED
        triton.failures["load tone"] = [ModelFailed("no memory", model="tone")] * 9
        wanted = Voice("tone", "en", "high", 1.5)
        other = await recover_voice(host)(wanted, DIED, 1)
        assert other == Voice("espeak", "en", "", 1.5)
        assert await recover_voice(host)(Voice("tone", "de"), DIED, 1) is None


async def test_a_voice_that_died_again_of_the_same_clause_is_not_asked_again() -> None:
    async with watched() as (_, host):
        other = await recover_voice(host)(Voice("tone", "en"), DIED, 2)
        assert other == Voice("espeak", "en")


async def test_a_voice_that_is_busy_is_not_given_up() -> None:
    async with watched() as (_, host):
        error = ModelTimeout("slow", model="tone")
        assert await recover_voice(host)(Voice("tone", "en"), error, 1) is None


async def test_the_rest_of_a_reply_is_spoken_by_another_voice_when_its_own_is_unloaded() -> None:
    async with watched() as (_, host):
        session = opened(host)
        session.update(session.options.updated(voice_choice=VoiceChoice("tone", "high")))
        await host.manager.unload("tone")
        gone = ModelUnavailable("tone is not found", model="tone")
        other = await recover_voice(host)(Voice("tone", "en", "high"), gone, 1)
        assert other == Voice("espeak", "en")
        await host.manager.unload("espeak")
        assert await recover_voice(host)(Voice("tone", "en"), gone, 1) is None, "there is no other"


async def test_the_fallback_of_the_profile_speaks_where_its_voice_cannot() -> None:
    profiles = {"vdx": {}, "high": {"voice": "tone", "fallback_voice": "bell/low"}}
    async with watched(profiles=profiles) as (_, host):
        assert host.manager.residency.kept["bell"] == "profile high"
        session = opened(host, "high")
        voice = voice_of(session.options)
        gone = ModelUnavailable("tone is not found", model="tone")
        assert await host.switching.unload("tone") == ([session.id], [])
        assert str(session.options.voice_choice) == "bell/low", "from the next clause on"
        assert await recover_voice(host)(voice, gone, 1) == Voice("bell", "en", "low")


async def test_the_fallback_of_the_profile_listens_where_its_recogniser_is_unloaded() -> None:
    profiles = {"vdx": {"fallback_recogniser": "canned"}}
    async with watched(profiles=profiles) as (_, host):
        session = opened(host)
        assert await host.switching.unload("pocketsphinx-en") == ([session.id], [])
        assert session.options.recogniser == "canned"


# --- leases -------------------------------------------------------------------------------------


async def test_sessions_lease_what_they_use_until_they_end() -> None:
    _, host = hosted(model_manager=preloading("tone"))
    await host.load_defaults()
    leases = host.manager.residency.leases
    first, second = opened(host), opened(host)
    assert leases("espeak") == leases("pocketsphinx-en") == {first.id, second.id}
    await host.switching.use("tone", first)
    assert (leases("tone"), leases("espeak")) == ({first.id}, {second.id})
    host.forget(first)
    host.forget(second)
    assert not any(leases(name) for name in KINDS)


async def test_leases_that_expired_while_the_process_stood_still_are_taken_again() -> None:
    _, host = hosted(model_manager={"lease_heartbeat_ms": 100, "lease_expiry_ms": 200})
    await host.load_defaults()
    session = opened(host)
    host.manager.residency.release_all(session.id, 0)
    beat = asyncio.create_task(host.leases.run())
    async with asyncio.timeout(WAIT_LIMIT_S):
        while not host.manager.residency.leases("espeak"):  # noqa: ASYNC110  (it looks)
            await asyncio.sleep(0.01)
    beat.cancel()
    await asyncio.wait({beat})


async def test_what_sessions_start_with_is_kept() -> None:
    _, host = hosted(
        tts={"voice": "tone/high"},
        profiles={"vdx": {}, "canned": {"recogniser": "canned"}},
        model_manager={"default_model_id": "espeak"},
    )
    await host.load_defaults()
    assert host.manager.residency.kept == {
        "tone": "profile vdx",
        "pocketsphinx-en": "profile vdx",
        "canned": "profile canned",
        "espeak": "the default voice",
    }
    assert host.manager.wanted == set(KINDS) - {"bell"}


async def test_the_default_voice_speaks_where_no_other_is_named() -> None:
    _, host = hosted(model_manager={"default_model_id": "tone/high"})
    await host.load_defaults()
    assert str(host.profiles.options("").voice_choice) == "tone/high"


async def test_a_recogniser_is_waited_for() -> None:
    async with watched() as (triton, host):
        triton.dead["pocketsphinx-en"] = error = ModelDied("gone", model="pocketsphinx-en")
        assert await recover_recogniser(host)(host.profiles.options(""), error)
        assert triton.states["pocketsphinx-en"] == "READY"


async def test_a_client_names_what_is_loaded_or_configured() -> None:
    triton, host = hosted(
        profiles={"vdx": {"voice": "espeak"}},
        model_manager=preloading("pocketsphinx-en"),
    )
    assert (await host.models.offered("espeak", "tts")).name == "espeak"
    assert (await host.models.offered("pocketsphinx-en", "asr")).name == "pocketsphinx-en"
    with pytest.raises(NotLoaded, match="vdx models load tone"):
        await host.models.offered("tone", "tts")
    assert "load tone" not in triton.calls
    with pytest.raises(UnknownName, match="did you mean 'tone'"):
        await host.models.offered("tonne", "tts")
    await host.manager.ensure("tone")  # as an administrator does
    assert (await host.models.offered("tone", "tts")).name == "tone"


async def test_a_voice_that_timed_out_because_it_died_is_recovered() -> None:
    async with watched() as (triton, host):
        triton.dead["tone"] = DIED
        voice, error = Voice("tone", "en"), ModelTimeout("nothing came", model="tone")
        assert await recover_voice(host)(voice, error, 1) == voice


# --- why ----------------------------------------------------------------------------------------


async def test_each_session_is_told_what_serves_it_and_why() -> None:
    triton, host = hosted(model_manager=preloading("tone"))
    await host.load_defaults()
    session = opened(host)
    _ = [chunk async for chunk in host._session_services("s").synthesize(Voice("espeak"), "hello")]
    (voice, recogniser) = await host.routes.explain([session])
    assert (voice.kind, voice.wanted, voice.choice.model) == ("tts", "espeak", "espeak")
    assert (recogniser.kind, recogniser.choice.model) == ("asr", "pocketsphinx-en")
    assert voice.why == "profile vdx"
    assert re.search(r"resident, 0 in flight, first audio \d+ ms", voice.choice.reasons[0])
    assert "first audio" not in recogniser.choice.reasons[0]

    session.update(session.options.updated(voice_choice=VoiceChoice("tone")))
    await host.manager.unload("tone")
    (voice, _) = await host.routes.explain([session])
    assert (voice.wanted, voice.choice.model) == ("tone", "espeak")
    assert voice.choice.reasons[:2] == ("no server has tone", "espeak is the fallback")
    assert triton.count("load tone") == 1, "it is told, not done"


async def test_a_server_is_announced_with_what_is_known_of_its_models() -> None:
    _, host = hosted()
    await host.load_defaults()
    opened(host)
    (server,) = await host.routes.entries()
    assert (server.addr, server.version) == (host.client.config.url, 1)
    espeak = server.models["espeak"]
    assert (espeak.kind, espeak.state, espeak.metrics.leases) == ("tts", "resident", 1)
    assert espeak.capabilities.languages == ("en",)
    assert set(server.models) == {"espeak", "pocketsphinx-en"}, "no more is known of the others"


# --- switching ----------------------------------------------------------------------------------


async def test_a_switched_voice_does_not_keep_the_speaker_of_the_old_one() -> None:
    _, host = hosted(tts={"voice": "tone/high"})
    await host.load_defaults()
    session = opened(host)
    assert str(session.options.voice_choice) == "tone/high"
    await host.switching.use("espeak")
    assert str(session.options.voice_choice) == "espeak"
    assert str(host.profiles.options("").voice_choice) == "espeak", "new sessions have it as well"
    await host.switching.use("espeak/f3", session)
    assert str(session.options.voice_choice) == "espeak/f3"
    await host.switching.use("tone/low")
    assert str(session.options.voice_choice) == "tone/low"
    assert str(host.profiles.options("").voice_choice) == "tone/low"


async def test_an_unloaded_voice_gives_way_to_the_profiles_with_its_speaker() -> None:
    _, host = hosted(tts={"voice": "espeak/f3"}, model_manager=preloading("tone"))
    await host.load_defaults()
    session = opened(host)
    await host.switching.use("tone/low")
    assert await host.switching.unload("tone") == ([session.id], [])
    assert str(session.options.voice_choice) == "espeak/f3"


async def test_a_client_switches_by_the_rules_of_everybody() -> None:
    _, host = hosted(tts={"voice": "tone/high"}, model_manager=preloading("espeak", "canned"))
    await host.load_defaults()
    session = opened(host)
    assert await host.switching.use_offered("espeak", session) == "tts"
    assert str(session.options.voice_choice) == "espeak"
    assert await host.switching.use_offered("canned", session) == "asr"
    session.update(session.options.updated(language="fr"))
    for switch in (host.switching.use, host.switching.use_offered):
        with pytest.raises(InvalidInput, match="not 'fr'"):
            await switch("espeak", session)
    session.update(session.options.updated(language="en"))
    with pytest.raises(InvalidInput, match="has no speakers"):
        await host.switching.use_offered("canned/loud", session)


class Polyglot(SpeakingTriton):
    """Piper speaks English and takes phonemes, `tone` speaks German and Chinese and takes none."""

    async def describe(self, model: str) -> ModelInfo:
        info = await super().describe(model)
        if info.kind == "asr":
            return replace(info, languages=("*",), capabilities=frozenset({"language_detection"}))
        if model == "tone":
            return replace(info, languages=("de", "zh"))
        return replace(info, family="piper")


async def following(language: str, voice: str) -> tuple[Application, Any]:
    """A session that follows the language, in which one has been gone over to."""
    client = cast(Any, Polyglot(dict(KINDS), load_s=0.01))
    config = Config.model_validate(
        {
            "asr": {"language": "auto"},
            "model_manager": preloading("tone", "bell"),
            "profiles": {
                "vdx": {
                    "voice": "espeak",
                    "recogniser": "canned",
                    "pronunciation": {"Nguyen": "/win/"},
                }
            },
        }
    )
    host = Application(config, client, ModelManager(client))
    await host.load_defaults()
    session = opened(host)
    assert session.options.follows_language
    choice = VoiceChoice(voice)
    session.update(session.options.updated(language=language, voice_choice=choice))
    return host, session


@pytest.mark.parametrize(("language", "voice"), [("de", "tone"), ("zh", "tone"), ("zh", "espeak")])
async def test_who_follows_the_language_is_not_refused_for_words_in_phonemes(
    language: str, voice: str
) -> None:
    """Any setting of the client would be, for as long as a person speaks that language."""
    host, session = await following(language, voice)
    options = await host.models.require(session.options.updated(max_tokens=7))
    assert (options.language, options.voice, options.max_tokens) == (language, voice, 7)


@pytest.mark.parametrize("by_client", [True, False])
async def test_a_voice_without_the_language_that_is_followed_speaks_its_own(
    by_client: bool,
) -> None:
    host, session = await following("de", "tone")
    switch = host.switching.use_offered if by_client else host.switching.use
    await switch("bell", session)
    assert (voice_of(session.options).model, voice_of(session.options).language) == ("bell", "")
    session.update(session.options.updated(pronunciation={}))
    await switch("tone", session)
    assert (voice_of(session.options).model, voice_of(session.options).language) == ("tone", "de")


async def test_a_switch_to_a_voice_without_phonemes_names_the_words() -> None:
    host, session = await following("en", "espeak")
    with pytest.raises(InvalidInput, match="Nguyen"):
        await host.switching.use("tone", session)
    assert session.options.voice == "espeak"


async def test_a_session_that_does_not_listen_is_given_no_recogniser() -> None:
    _, host = hosted(asr={"enabled": False})
    await host.load_defaults()
    session = opened(host)
    assert await host.switching.use("canned") == 0
    with pytest.raises(InvalidInput, match="does not listen"):
        await host.switching.use("canned", session)
    assert session.options.recogniser == ""


async def test_a_name_means_the_same_model_everywhere() -> None:
    _, host = hosted(
        asr={"model": "pocketsphinx"},
        profiles={"vdx": {}, "other": {"recogniser": "pocketsphinx"}},
        model_manager=preloading("pocketsphinx"),
    )
    await host.load_defaults()
    assert host.manager.wanted == {"espeak", "pocketsphinx-en"}
    session = opened(host, "other")
    assert session.options.recogniser == "pocketsphinx-en"
    assert (await host.models.offered("pocketsphinx", "asr")).name == "pocketsphinx-en"
    asked = session.options.updated(recogniser="pocketsphinx")
    assert (await host.models.require(asked)).recogniser == "pocketsphinx-en"
    assert await host.switching.use("pocketsphinx") == 1
    assert session.options.recogniser == "pocketsphinx-en"
    await host.switching.unload("pocketsphinx")
    assert "pocketsphinx-en" not in host.manager.wanted
    assert (await host.models.load("pocketsphinx")).name == "pocketsphinx-en"


async def test_a_chat_endpoint_is_asked_for_a_word_of_each_profile_at_start(tmp_path: Path) -> None:
    async with Endpoint(streams(event("Hi"), then="hang"), socket=str(tmp_path / "s")) as endpoint:
        chat = {"kind": "chat", "chat": {"base_url": endpoint.url}}
        _, host = hosted(
            responder=chat,
            profiles={
                "vdx": {"instructions": "Be brief."},
                "rude": {"instructions": "Be rude."},
                "cold": {"responder": {**chat, "chat": {**chat["chat"], "warm": False}}},
                "repeats": {"responder": {"kind": "repeat"}},
            },
        )
        await host.load_defaults()
        async with asyncio.timeout(WAIT_LIMIT_S):
            await endpoint.gone.wait()  # the generation ends with the first word
        await host.close()
    prompts = [body["messages"] for _, body in endpoint.requests]
    assert sorted(prompt[0]["content"] for prompt in prompts) == ["Be brief.", "Be rude."]
    assert all(prompt[1]["role"] == "user" for prompt in prompts)


async def test_an_endpoint_that_is_not_there_yet_hinders_no_start() -> None:
    chat = {"base_url": "http://127.0.0.1:9/v1", "retries": 0}
    _, host = hosted(responder={"kind": "chat", "chat": chat})
    with capture_logs() as logs:
        await host.load_defaults()
    assert host.ready
    (told,) = [line for line in logs if line["log_level"] == "warning"]
    assert "127.0.0.1:9" in told["error"]
    await host.close()


async def test_a_silent_endpoint_keeps_no_session_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vdx.app.responders.WARM_S", 0.05)
    async with Endpoint(hangs) as endpoint:
        chat = {"base_url": endpoint.url, "first_token_timeout_ms": 1000 * WAIT_LIMIT_S}
        _, host = hosted(responder={"kind": "chat", "chat": chat})
        async with asyncio.timeout(WAIT_LIMIT_S / 2):
            await host.load_defaults()
            assert host.ready
            await endpoint.asked.wait()
        assert not endpoint.gone.is_set(), "it is asked on beside the sessions"
        await host.close()
        async with asyncio.timeout(WAIT_LIMIT_S):
            await endpoint.gone.wait()


async def test_a_language_model_that_was_restarted_is_asked_for_a_word_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = tmp_path / "s"
    server: Any = SimpleNamespace(
        pid=1, socket=socket, options=SimpleNamespace(name="tiny"), is_live=None
    )

    async def ends_once(supervisor: Supervisor) -> None:
        server.pid = None
        supervisor._changed()
        server.pid = 2
        supervisor._changed()

    monkeypatch.setattr(Supervisor, "run", ends_once)
    async with Endpoint(streams(event("Hi")), socket=str(socket)) as endpoint:
        _, host = hosted(
            responder={"kind": "local", "local": {"socket": socket}},
            profiles={"vdx": {}, "repeats": {"responder": {"kind": "repeat"}}},
        )
        await host.load_defaults()
        assert len(endpoint.requests) == 1
        await keep_answering(server, host)
        async with asyncio.timeout(WAIT_LIMIT_S):
            while len(endpoint.requests) < 2:  # noqa: ASYNC110  (it looks)
                await asyncio.sleep(0.01)
        await host.close()
    first, again = (body["messages"] for _, body in endpoint.requests)
    assert first == again
