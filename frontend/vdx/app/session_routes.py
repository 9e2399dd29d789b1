"""Sends the requests of one session to the servers that routing chooses for them.

The choice is made for every clause and every utterance. A server that failed one is left out of the
next choices for FAILED_S, so what a clause or an utterance still lacks is asked of another server.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vdx.app.counted_request import CountedRequest
from vdx.app.profile_models import ProfileModels
from vdx.core.errors import (
    ModelRejected,
    RequestCancelled,
    TritonError,
    TritonUnavailable,
    VdxError,
)
from vdx.core.events import SpeechChunk, Transcript, TranscriptKind
from vdx.core.logs import logger
from vdx.core.metrics import FAILOVERS, ROUTES, ROUTING_SECONDS
from vdx.core.voice_choice import VoiceChoice
from vdx.dialog.profiles import SessionOptions
from vdx.serving.models import ModelKind
from vdx.serving.registry.view import View
from vdx.serving.routing import Choice, RouteRequest, route
from vdx.speech.output.tts import Voice

if TYPE_CHECKING:
    from vdx.app.model_routes import ModelRoutes
    from vdx.app.model_server import ModelServer

log = logger(__name__)

FAILED_S = 10.0
"""How long a session does not go back to a server that failed it."""


class SessionRoutes:
    """One per session; with a single server everything goes there without a choice."""

    def __init__(
        self,
        session: str,
        routes: "ModelRoutes",
        profiles: ProfileModels,
        *,
        falls_back: bool = True,
    ) -> None:
        """With `falls_back` another voice may speak while the wanted one is loaded."""
        self._falls_back = falls_back
        self._session = session
        self._routes = routes
        self.updates = routes.updates
        self._profiles = profiles
        self._served: dict[str, tuple[str, str]] = {}
        """Model that is wanted -> server and model that served it last."""
        self._failed: dict[tuple[str, str], float] = {}
        """Server and model -> when it may be chosen again; without a model: all of the server."""
        self._given_up: set[str] = set()
        """Recognisers on trial that failed this session."""

    # --- what a session asks ----------------------------------------------------------------

    async def synthesize(self, voice: Voice, text: str) -> AsyncGenerator[SpeechChunk, None]:
        """Streams one clause; raises as `TritonClient.synthesize`."""
        server, model = self._choose(self._voice_request(voice))
        spoken_by = voice if model == voice.model else self._other(voice, model)
        counted = CountedRequest(self.updates, model)
        with self._watched(server), counted:
            async with aclosing(server.requests.synthesize(spoken_by, text)) as chunks:
                async for chunk in chunks:
                    counted.answered()
                    yield chunk

    def recognise(self, options: SessionOptions, session: str) -> "RoutedRecognition":
        """A sequence for one utterance, not opened yet."""
        if options.recogniser in self._given_up:
            old = self._instead_of(options.recogniser)
            options = options.updated(recogniser=old or options.recogniser)
        server, model = self._choose(self._recogniser_request(options))
        if model != options.recogniser:
            options = options.updated(recogniser=model)
        return RoutedRecognition(server, self, options, session)

    async def judge(self, options: SessionOptions, pcm: bytes) -> float | None:
        """The probability that a person is done; None where no endpointer answers in time."""
        if not options.endpointer:
            return None
        request = RouteRequest("endpointer", options.endpointer, now=self._now(options.endpointer))
        server, _ = self._choose(request)
        return await server.requests.judge(options, pcm)

    async def recover_voice(self, voice: Voice, error: VdxError, failures: int) -> Voice | None:
        """The same voice where another server speaks it; else as `Failover.recover_voice`.

        A text on which a voice failed twice may be the cause: no further server gets it. What a
        version on trial fails on is spoken by the one that it is to replace; that its server is
        gone says nothing of it.
        """
        old = self._instead_of(voice.model)
        if old and not isinstance(error, TritonUnavailable):
            FAILOVERS.labels("tts", "fallback").inc()
            return replace(voice, model=old)
        server = self.server_of(voice.model)
        if failures == 1 and self.has_another(voice):
            FAILOVERS.labels("tts", "elsewhere").inc()
            return voice
        recovered = await server.failover.recover_voice(voice, error, failures)
        if recovered is None:
            FAILOVERS.labels("tts", "none").inc()
            return None
        self._forgive(server, voice.model)
        is_same = recovered.model == voice.model
        FAILOVERS.labels("tts", "restored" if is_same else "fallback").inc()
        return recovered

    async def recover_recogniser(self, options: SessionOptions, error: VdxError) -> bool:
        """Whether a recogniser can be asked again, at once on another server or soon on its own."""
        on_trial = bool(self._instead_of(options.recogniser))
        if on_trial and not isinstance(error, TritonUnavailable):
            self._given_up.add(options.recogniser)
            FAILOVERS.labels("asr", "fallback").inc()
            return True
        server = self.server_of(options.recogniser)
        if self._elsewhere(self._recogniser_request(options)):
            FAILOVERS.labels("asr", "elsewhere").inc()
            return True
        recovered = await server.failover.recover_recogniser(options, error)
        FAILOVERS.labels("asr", "restored" if recovered else "none").inc()
        if recovered:
            self._forgive(server, options.recogniser)
        return recovered

    # --- choices ----------------------------------------------------------------------------

    def _instead_of(self, model: str) -> str:
        """The version that this session goes back to where it got `model` on trial; else empty."""
        return self.updates.instead_of(self._session, model)

    def place(self, options: SessionOptions) -> None:
        """Chooses the servers for what a session with `options` begins to use."""
        if options.voice:
            self._choose(self._voice_request(_voice(options)))
        if options.recogniser:
            self._choose(self._recogniser_request(options))

    def server_of(self, model: str) -> "ModelServer":
        """The server that serves a wanted model of this session; the first one until then."""
        return self._routes.named(self._now(model)[0]) or self._routes.servers[0]

    def explain(self, options: SessionOptions, kind: ModelKind, view: View) -> Choice:
        """The choice as it would be made now."""
        if kind == "tts":
            return self._route(self._voice_request(_voice(options)), view)
        return self._route(self._recogniser_request(options), view)

    def busy(self, options: SessionOptions, view: View) -> str:
        """A model of a session that no server has room for now; empty: there is none."""
        for model, kind in options.models:
            if self.explain(options, kind, view).overloaded:
                return model
        return ""

    def _choose(self, request: RouteRequest) -> tuple["ModelServer", str]:
        """Server and model for a request; the last one, or the first, where none can serve it."""
        began = time.thread_time()
        try:
            return self._chosen(request)
        finally:
            ROUTING_SECONDS.labels("route").inc(time.thread_time() - began)

    def _chosen(self, request: RouteRequest) -> tuple["ModelServer", str]:
        servers = self._routes.servers
        if len(servers) == 1:
            return servers[0], request.model
        choice = self._route(request, self._routes.view())
        if choice.load is not None:
            self._routes.load(*choice.load)
        server = self._routes.named(choice.server) if choice.found else None
        if server is None:
            ROUTES.labels(request.kind, "none").inc()
            return self.server_of(request.model), request.model
        if server.manager.info(choice.model) is None:
            self._routes.load(server.name, choice.model)  # learns what it can do
        before = self._served.get(request.model)
        stays = before == (server.name, choice.model)
        outcome = "stays" if stays else "moves" if choice.model == request.model else "fallback"
        ROUTES.labels(request.kind, outcome).inc()
        if not stays:
            self._served[request.model] = (server.name, choice.model)
            reasons = "; ".join(choice.reasons)
            log.debug("model routed", model=choice.model, server=server.name, reasons=reasons)
            self._routes.moved(self._session)
        return server, choice.model

    def has_another(self, voice: Voice) -> bool:
        """Whether a server that has not failed speaks with a voice."""
        return self._elsewhere(self._voice_request(voice))

    def _elsewhere(self, request: RouteRequest) -> bool:
        """Whether a server that has not failed can serve a request now."""
        if len(self._routes.servers) == 1:
            return False
        return self._route(request, self._routes.view()).found

    def _route(self, request: RouteRequest, view: View) -> Choice:
        failed = request.failed | self._routes.unusable(view)
        here = self._routes.here(request.model)
        return route(replace(request, failed=failed, here=here), view)

    def _voice_request(self, voice: Voice) -> RouteRequest:
        return self._request_for(
            "tts", voice.model, voice.language, self._fallback_voice(voice).model
        )

    def _recogniser_request(self, options: SessionOptions) -> RouteRequest:
        fallback = options.fallback_recogniser or self._profiles.options("").recogniser
        return self._request_for("asr", options.recogniser, options.language, fallback)

    def _request_for(
        self, kind: ModelKind, model: str, language: str, fallback: str
    ) -> RouteRequest:
        now = asyncio.get_running_loop().time()
        self._failed = {what: until for what, until in self._failed.items() if until > now}
        return RouteRequest(
            kind,
            model,
            language,
            fallback="" if fallback == model else fallback,
            now=self._now(model),
            failed=frozenset(server for server, model in self._failed if not model),
            failed_models=frozenset(what for what in self._failed if what[1]),
        )

    def _now(self, model: str) -> tuple[str, str]:
        return self._served.get(model, ("", ""))

    def _fallback_voice(self, voice: Voice) -> VoiceChoice:
        if not self._falls_back:
            return VoiceChoice(voice.model)
        return voice.fallback or self._profiles.options("").voice_choice

    def _other(self, voice: Voice, model: str) -> Voice:
        """Speaks for `voice` until that is loaded."""
        choice = self._fallback_voice(voice)
        speaker = choice.speaker if choice.model == model else ""
        return replace(voice, model=model, speaker=speaker)

    # --- failures ---------------------------------------------------------------------------

    @contextmanager
    def _watched(self, server: "ModelServer") -> Iterator[None]:
        """Has the next choices leave out a server on which the block failed."""
        try:
            yield
        except TritonError as error:
            self.failed(server, error)
            raise
        else:
            self.answered(server)

    def _forgive(self, server: "ModelServer", model: str) -> None:
        """It answers again."""
        self._failed.pop((server.name, model), None)
        self._failed.pop((server.name, ""), None)

    def answered(self, server: "ModelServer") -> None:
        """A request to a server was answered."""
        self._routes.answered(server)

    def failed(self, server: "ModelServer", error: TritonError) -> None:
        """A request to a server failed; what the request itself caused is not the server's."""
        if isinstance(error, ModelRejected | RequestCancelled):
            return
        is_gone = isinstance(error, TritonUnavailable)
        if not is_gone and self._instead_of(error.model):
            return  # what becomes of it is decided by all of its requests
        what = (server.name, "" if is_gone else error.model)
        self._failed[what] = asyncio.get_running_loop().time() + FAILED_S
        if is_gone and len(self._routes.servers) > 1:
            self._routes.lost(server)


class RoutedRecognition:
    """A sequence on the server that was chosen for it; see `serving.triton.RecognitionStream`."""

    def __init__(
        self, server: "ModelServer", routes: SessionRoutes, options: SessionOptions, session: str
    ) -> None:
        self._server = server
        self._routes = routes
        self._stream = server.requests.recognise(options, session)
        self._counted = CountedRequest(routes.updates, options.recogniser)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except TritonError as error:
            self._counted.over(error)
            self._routes.failed(self._server, error)
            raise

    async def __aenter__(self) -> Self:
        with self._watched():
            await self._stream.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._counted.over(error)
        await self._stream.__aexit__(kind, error, trace)

    async def send(
        self, pcm: bytes, *, flush: bool = False, end: bool = False, cancel: bool = False
    ) -> None:
        """See `RecognitionStream.send`."""
        if end and not cancel:
            self._counted.asked()
        with self._watched():
            await self._stream.send(pcm, flush=flush, end=end, cancel=cancel)

    async def __aiter__(self) -> AsyncGenerator[Transcript, None]:
        """Transcripts as they come."""
        with self._watched():
            async for transcript in self._stream:
                self._routes.answered(self._server)
                if transcript.kind is TranscriptKind.FINAL:
                    self._counted.answered()
                yield transcript


def _voice(options: SessionOptions) -> Voice:
    return Voice(
        options.voice, options.language, options.speaker, options.speed, options.fallback_voice
    )
