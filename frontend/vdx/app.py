"""What all transports of one process share: Triton, models, responders and the open sessions."""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from typing import Any

from vdx.core.capacity import default_max_sessions
from vdx.core.config import Config
from vdx.core.errors import (
    ConfigError,
    InvalidInput,
    ModelTimeout,
    ModelUnavailable,
    NotLoaded,
    SessionLimit,
    TritonError,
    TritonUnavailable,
    UnknownName,
    VdxError,
)
from vdx.core.events import SpeechChunk
from vdx.core.logs import logger
from vdx.core.threads import in_thread
from vdx.core.voice_choice import VoiceChoice
from vdx.dialog.drain import Drain
from vdx.dialog.profiles import DEFAULT_PROFILE, SessionOptions, resolve
from vdx.dialog.session import Session
from vdx.dialog.speaking import Audience, Services
from vdx.serving.manager import ModelManager
from vdx.serving.models import ModelInfo, ModelKind
from vdx.serving.readiness import Readiness
from vdx.serving.triton import RecognitionStream, SynthesisRequest, TritonClient
from vdx.speech.input.aec import preload
from vdx.speech.output.tts import Voice
from vdx.speech.text.responder import Responder, make_responder

log = logger(__name__)

STAND_IN_AFTER_S = 2.0
"""How long a voice that died is waited for before another one speaks in its place."""
RECOVERY_S = 30.0
"""How long a model that is loaded again is waited for where no other can do its work; one that
cannot be loaded is waited for no longer. A busy machine takes 20 s for a large voice."""


class Application:
    """One per process; every session of every transport is opened here."""

    def __init__(self, config: Config, client: TritonClient, manager: ModelManager) -> None:
        self.config = config
        self.manager = manager
        self.sessions: dict[str, Session] = {}
        self.triton_pid: int | None = None
        self.max_sessions = config.server.max_sessions or default_max_sessions()
        self.triton_metrics = ""
        self.drain = Drain(config.server.drain_timeout_seconds)
        self.loaded = False
        """Whether the default models have been loaded; from then on sessions are let in."""
        self.readiness = Readiness(client, self._needed, manager.recovery.alive)
        self.client = client
        self._recogniser = ""
        self._full_names: dict[tuple[str, str], str] = {}
        """The models that the configuration means by a name in a language."""
        self._default_voice: VoiceChoice | None = None
        self._default_recogniser = ""
        self._responders: dict[str, Responder] = {}
        self._services = Services(
            config=config,
            synthesize=self._synthesize,
            recognise=self._recognise,
            calibrated=manager.calibrated,
            responder=self._responder,
            recover_voice=self._recover_voice,
            recover_recogniser=self._recover_recogniser,
        )

    async def load_defaults(self) -> None:
        """Loads every profile's voice and recogniser and what `models.preload` names.

        Raises:
            UnknownName: a name that the repository does not hold.
            ConfigError: a profile's language is not one of its voice or recogniser.
            TritonError: a model could not be loaded.
        """
        if self.config.asr.enabled:
            self._recogniser = await self.manager.pick_recogniser(self.config.asr)
        await self._resolve_names()
        needed: dict[str, ModelKind | None] = dict.fromkeys(
            self._full_name(name, self.config.asr.language) for name in self.config.models.preload
        )
        for name in dict.fromkeys((DEFAULT_PROFILE, *self.config.profiles)):
            options = self.options(name)
            needed |= dict(options.models)
            # The chat client takes a second to import; better now than in the first turn.
            await in_thread(self._responder, options)
            await self.prepare(options)
        async with asyncio.TaskGroup() as group:
            for model, kind in needed.items():
                group.create_task(self.manager.ensure(model, kind), name=f"load-{model}")
        self._check_languages()
        self.readiness.problem = await self.readiness.check()
        self.loaded = True

    async def _resolve_names(self) -> None:
        """Finds which models the configuration means, in every profile's own language."""
        named: list[tuple[str, ModelKind | None, str]] = [
            (name, None, self.config.asr.language) for name in self.config.models.preload
        ]
        for profile in dict.fromkeys((DEFAULT_PROFILE, *self.config.profiles)):
            options = resolve(self.config, profile, self._recogniser)
            named += [(model, kind, options.language) for model, kind in options.models]
        for name, kind, language in named:
            self._full_names[name, language] = await self.manager.resolve(name, kind, language)

    def _full_name(self, name: str, language: str) -> str:
        return self._full_names.get((name, language), name)

    @property
    def ready(self) -> bool:
        """Whether Triton answered the last look and every profile's models were there."""
        return self.loaded and not self.readiness.problem

    def _needed(self) -> list[str]:
        """The models that sessions of the profiles begin with."""
        every = [self.options(name) for name in (DEFAULT_PROFILE, *self.config.profiles)]
        models = [model for one in every for model in (one.voice, one.recogniser) if model]
        return list(dict.fromkeys(models))

    def _check_languages(self) -> None:
        for name in dict.fromkeys((DEFAULT_PROFILE, *self.config.profiles)):
            options = self.options(name)
            for model in filter(None, (options.voice, options.recogniser)):
                try:
                    if (info := self.manager.info(model)) is not None:
                        info.require_language(options.language)
                except InvalidInput as error:
                    raise ConfigError(f"profiles.{name}: {error}") from error

    async def close(self) -> None:
        """Frees what the responders hold."""
        for responder in self._responders.values():
            await responder.aclose()

    def options(self, profile: str) -> SessionOptions:
        """The options a session of `profile` starts with; raises UnknownName."""
        options = resolve(self.config, profile, self._recogniser)
        options = options.with_models(
            {name: self._full_name(name, options.language) for name, _ in options.models}
        )
        voice = self._default_voice
        if voice is not None and self._speaks(voice.model, options.language):
            options = options.updated(voice_choice=voice)
        recogniser = self._default_recogniser
        if recogniser and options.recogniser and self._speaks(recogniser, options.language):
            options = options.updated(recogniser=recogniser)
        return options

    def _speaks(self, model: str, language: str) -> bool:
        info = self.manager.info(model)
        return info is not None and info.speaks(language)

    async def offered(self, name: str, kind: ModelKind | None, language: str = "") -> ModelInfo:
        """A model that a client names: it is loaded, or the configuration names it.

        What any client could have loaded would fill the memory, and stays. The name is resolved
        as everywhere (`serving/model_names.py`), so it may not be the name of the answer.

        Raises:
            NotLoaded: it is in the repository and neither loaded nor configured.
            UnknownName, InvalidInput, TritonError: as `ModelManager.ensure`.
        """
        name = await self.resolve(name, kind, language)
        if (
            self.manager.info(name) is None
            and name not in self._configured()
            and not await self.manager.is_loaded(name)
        ):
            raise NotLoaded(
                f"model {name!r} is not loaded, and no profile has it; load it with "
                f"`vdx models load {name}` (POST /vdx/models/{name}/load)",
                param="model",
            )
        return await self.manager.ensure(name, kind, language)

    async def resolve(self, name: str, kind: ModelKind | None = None, language: str = "") -> str:
        """The full name of the model that `name` means, by default in the configured language.

        Raises:
            UnknownName: there is none.
        """
        return await self.manager.resolve(name, kind, language or self.config.asr.language)

    async def load(self, name: str) -> ModelInfo:
        """Loads a model for whoever administers the server; raises as `ModelManager.ensure`."""
        return await self.manager.ensure(await self.resolve(name))

    async def require_models(self, options: SessionOptions) -> SessionOptions:
        """Loads the models that a client's session is to use; returns them with full names.

        Raises:
            NotLoaded, UnknownName, InvalidInput, TritonError: as `offered`; kind and language of
                each model are checked.
        """
        names = {}
        for model, kind in options.models:
            names[model] = (await self.offered(model, kind, options.language)).name
        return options.with_models(names)

    def _configured(self) -> set[str]:
        profiles = [self.options(name) for name in (DEFAULT_PROFILE, *self.config.profiles)]
        models = {model for each in profiles for model, _ in each.models}
        language = self.config.asr.language
        return models | {self._full_name(name, language) for name in self.config.models.preload}

    async def prepare(self, options: SessionOptions) -> None:
        """Loads, beside the event loop, what a session with these options would load on it."""
        if options.echo_control.cancellation:
            await in_thread(preload)

    def open_session(
        self,
        options: SessionOptions,
        audience: Audience,
        lead_ms: Callable[[], int] | None = None,
        *,
        promised: bool = False,
    ) -> Session:
        """A new session, to be run by the caller and given back with `forget`.

        `lead_ms` replaces `playout.output_lead_ms` where a transport has its own; `promised` was
        agreed to before the server drained, as a room was.

        Raises:
            Draining: the server is about to end.
            SessionLimit: the server holds `server.max_sessions` already.
        """
        if self.drain.active and not promised:
            raise self.drain.refusal()
        limit = self.max_sessions
        if len(self.sessions) >= limit:
            raise SessionLimit(f"the server holds {limit} sessions, its limit; try again later")
        # Only rooms have a lead of their own, and only they are promised.
        transport = "room" if promised else "websocket"
        services = replace(self._services, lead_ms=lead_ms, transport=transport)
        session = Session(secrets.token_hex(6), options, services, audience)
        self.sessions[session.id] = session
        return session

    def forget(self, session: Session) -> None:
        self.sessions.pop(session.id, None)
        self.drain.session_ended()

    async def use(self, name: str, session: Session | None = None) -> int:
        """Switches one session, or every one and the default, to a model; returns how many.

        `name` is a recogniser, a voice, or VOICE/SPEAKER; a voice without a speaker speaks with
        its own default one. The model is loaded first, so no session ever waits for it. Sessions
        that do not listen are left as they are by a recogniser.

        Raises:
            UnknownName: no such model, or it is neither a voice nor a recogniser.
            InvalidInput: it lacks the language of a session, or the one session does not listen.
            TritonError: it could not be loaded.
        """
        choice = VoiceChoice.parse(name)
        info = await self.load(choice.model)
        chosen = list(self.sessions.values()) if session is None else [session]
        if session is None and info.kind == "asr":
            chosen = [each for each in chosen if each.options.recogniser]
        changes = [
            (each, _switched(each.options, info, replace(choice, model=info.name)))
            for each in chosen
        ]
        if session is None:
            self._set_default(info, choice.speaker)
        for each, options in changes:
            each.update(options)
        log.info("model switched", kind=info.kind, model=info.name, sessions=len(chosen))
        return len(chosen)

    async def use_offered(self, name: str, session: Session) -> ModelKind:
        """Switches one session as its own client asks, to what clients may name; see `offered`.

        Returns the kind of the model; raises as `offered` and `use`.
        """
        choice = VoiceChoice.parse(name)
        info = await self.offered(choice.model, None, session.options.language)
        session.update(_switched(session.options, info, replace(choice, model=info.name)))
        return info.kind

    def _set_default(self, info: ModelInfo, speaker: str) -> None:
        if info.kind == "tts":
            self._default_voice = VoiceChoice(info.name, speaker)
        else:
            self._default_recogniser = info.name

    @contextmanager
    def probe_on_failure(self) -> Iterator[None]:
        """Has the models looked at when work with one of them fails in a way that may pass."""
        try:
            yield
        except TritonError as error:
            if error.retryable:
                self.manager.recovery.suspect(error.model)
                self.readiness.suspect()
            raise

    async def unload(self, model: str) -> tuple[list[str], list[str]]:
        """Unloads a model; what it is saying or hearing is finished.

        Sessions that use it go over to what their profile names, at the next clause or utterance.
        Returns the ids of those that did and of those that had nothing to go over to.

        Raises:
            UnknownName: no such model.
            TritonError: Triton did not do it.
        """
        model = await self.resolve(model)
        if self._default_voice is not None and self._default_voice.model == model:
            self._default_voice = None
        if self._default_recogniser == model:
            self._default_recogniser = ""
        moved: list[str] = []
        left: list[str] = []
        for session in self.sessions.values():
            if model in (session.options.voice, session.options.recogniser):
                (moved if self._move(session, model) else left).append(session.id)
        await self.manager.unload(model)
        return moved, left

    def _move(self, session: Session, model: str) -> bool:
        """Takes a session away from `model`, if its profile names another that is loaded."""
        now, own = session.options, self.options(session.options.profile)
        other = own.voice_choice if now.voice == model else VoiceChoice(own.recogniser)
        info = self.manager.info(other.model)
        if other.model == model or info is None or not info.speaks(now.language):
            return False
        session.update(_switched(now, info, other))
        return True

    def session(self, session_id: str) -> Session:
        """An open session by id; raises UnknownName."""
        try:
            return self.sessions[session_id]
        except KeyError:
            raise UnknownName(f"there is no session {session_id!r}", param="session") from None

    async def _synthesize(self, voice: Voice, text: str) -> AsyncGenerator[SpeechChunk, None]:
        request = SynthesisRequest(text, voice.language, voice.speaker, voice.speed)
        began, first = time.monotonic(), 0.0
        with self.probe_on_failure():
            async with aclosing(self.client.synthesize(voice.model, request)) as chunks:
                async for chunk in chunks:
                    first = first or time.monotonic()
                    yield chunk
        log.debug(
            "clause synthesized",
            voice=voice.model,
            characters=len(text),
            first_ms=round((first - began) * 1000, 1) if first else None,
            ms=round((time.monotonic() - began) * 1000, 1),
        )

    async def _recover_voice(self, voice: Voice, error: VdxError, failures: int) -> Voice | None:
        """The same voice if it speaks again soon, else another one that knows its language.

        One that died of the same clause before is not given it again.
        """
        if not await self._may_recover(voice.model, error):
            return None
        again = failures > 1
        if not again and await self.manager.recovery.restored(voice.model, STAND_IN_AFTER_S):
            return voice
        if (other := self._stand_in(voice)) is not None or again:
            return other
        restored = await self.manager.recovery.restored(voice.model, RECOVERY_S)
        return voice if restored else None

    async def _recover_recogniser(self, options: SessionOptions, error: VdxError) -> bool:
        """Whether the recogniser understands again within `RECOVERY_S`."""
        if not await self._may_recover(options.recogniser, error):
            return False
        return await self.manager.recovery.restored(options.recogniser, RECOVERY_S)

    async def _may_recover(self, model: str, error: VdxError) -> bool:
        """Whether a model that failed is loaded again; one that was unloaded is not."""
        if model not in self.manager.wanted:
            return False
        if isinstance(error, ModelTimeout):  # it is busy, or it died without a word
            await self.manager.recovery.restored(model, STAND_IN_AFTER_S)
            return self.manager.recovery.died_within(model, RECOVERY_S)
        return isinstance(error, ModelUnavailable | TritonUnavailable)

    def _stand_in(self, voice: Voice) -> Voice | None:
        """Another loaded voice that lives and speaks the language of `voice`."""
        manager = self.manager
        mine = manager.info(voice.model)
        language = voice.language or (mine.language() if mine is not None else "")
        for name in (self.options("").voice, *sorted(manager.wanted)):
            info = manager.info(name)
            if info is None or name == voice.model or info.kind != "tts":
                continue
            fits = info.speaks(language) if language else "*" in info.languages
            if fits and manager.recovery.alive(name):
                log.warning("another voice speaks", voice=voice.model, instead=name)
                return Voice(name, language, speed=voice.speed)
        return None

    def _recognise(self, options: SessionOptions, session_id: str) -> RecognitionStream:
        return self.client.recognise(
            options.recogniser, language=options.language, session=session_id
        )

    def _responder(self, options: SessionOptions) -> Responder:
        """One responder for each distinct configuration: they keep connections, not talk."""
        key = options.responder.model_dump_json()
        if key not in self._responders:
            self._responders[key] = make_responder(options.responder)
        return self._responders[key]

    def status(self) -> dict[str, Any]:
        """What `/vdx/status` tells."""
        return {
            "pid": os.getpid(),
            "triton_pid": self.triton_pid,
            "triton_grpc": self.client.config.url,
            "triton_metrics": self.triton_metrics,
            "ready": self.ready,
            "sessions": len(self.sessions),
            "max_sessions": self.max_sessions,
            "tasks": len(asyncio.all_tasks()),
            "recogniser": self._default_recogniser or self._recogniser,
            "voice": self.options("").voice,
        }


def _switched(options: SessionOptions, info: ModelInfo, choice: VoiceChoice) -> SessionOptions:
    """A session's options with another voice and its speaker, or another recogniser.

    Raises:
        InvalidInput: the model lacks the session's language, a recogniser is given a speaker, or
            the session does not listen.
    """
    info.require_language(options.language)
    if info.kind == "tts":
        return options.updated(voice_choice=choice)
    if choice.speaker:
        raise InvalidInput(f"recogniser {info.name!r} has no speakers", param="model")
    if not options.recogniser:
        raise InvalidInput(f"profile {options.profile!r} does not listen", param="model")
    return options.updated(recogniser=info.name)
