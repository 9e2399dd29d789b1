"""Model switching: changes a model of open sessions, and the default of later ones.

A session reads its options at each clause and at each utterance: what is under way is finished by
the old model.
"""

from dataclasses import replace

from vdx.app.model_access import ModelAccess, following
from vdx.app.profile_models import ProfileModels
from vdx.app.served_models import ServedModels
from vdx.core.errors import InvalidInput
from vdx.core.logs import logger
from vdx.core.voice_choice import VoiceChoice
from vdx.dialog.profiles import SessionOptions
from vdx.dialog.session import Session
from vdx.serving.models import KIND_NAMES, ModelInfo, ModelKind

log = logger(__name__)


class ModelSwitching:
    """Switches sessions between models; `sessions` are the open ones, by id."""

    def __init__(
        self,
        served: ServedModels,
        profiles: ProfileModels,
        models: ModelAccess,
        sessions: dict[str, Session],
    ) -> None:
        self._served = served
        self._profiles = profiles
        self._models = models
        self._sessions = sessions

    async def use(self, name: str, session: Session | None = None) -> int:
        """Switches one session, or every one and the default, in mid-call; returns how many.

        `name` is a recogniser, a voice, or VOICE/SPEAKER; a voice without a speaker speaks with
        its own default one. The model is loaded first, so no session ever waits for it. Sessions
        that do not listen are left as they are by a recogniser.

        Raises:
            UnknownName: no such model or speaker, or it is neither a voice nor a recogniser.
            InvalidInput: it lacks the language of a session, or the one session does not listen.
            TritonError: it could not be loaded.
        """
        choice = VoiceChoice.parse(name)
        info = await self._models.load(choice.model)
        _require_used(info)
        await self._models.require_speaker(info, choice.speaker)
        chosen = list(self._sessions.values()) if session is None else [session]
        if session is None and info.kind == "asr":
            chosen = [each for each in chosen if each.options.recogniser]
        changes = [
            (each, _switched(each.options, info, replace(choice, model=info.name)))
            for each in chosen
        ]
        if session is None:
            self._profiles.set_default(info, choice.speaker)
        for each, options in changes:
            each.update(options)
        log.info("model switched", kind=info.kind, model=info.name, sessions=len(chosen))
        return len(chosen)

    async def use_offered(self, name: str, session: Session) -> ModelKind:
        """Switches one session as its own client asks, to what a client may name.

        Returns the kind of the model; raises as `ModelAccess.offered` and `use`.
        """
        choice = VoiceChoice.parse(name)
        options = session.options
        required = "" if options.follows_language else options.language
        info = await self._models.offered(choice.model, None, required)
        _require_used(info)
        await self._models.require_speaker(info, choice.speaker)
        session.update(_switched(session.options, info, replace(choice, model=info.name)))
        return info.kind

    async def unload(self, model: str, *, exact: bool = False) -> tuple[list[str], list[str]]:
        """Unloads a model; clauses and utterances that it works on are finished first.

        Sessions that use it are switched to what their profile names, from the next clause or
        utterance on. Returns the ids of the sessions that were switched, and of those that use it
        and whose profile names no other loaded model of their language. With `exact` it is not the
        version that serves the name since an update.

        Raises:
            UnknownName: no such model.
            TritonError: Triton did not do it.
        """
        model = model if exact else await self._models.resolve(model)
        self._profiles.clear_default(model)
        switched: list[str] = []
        without_model: list[str] = []
        for session in self._sessions.values():
            if model == session.options.endpointer:  # it does without one, or with its profile's
                own = self._profiles.options(session.options.profile).endpointer
                session.update(session.options.updated(endpointer=own if own != model else ""))
                switched.append(session.id)
            if model in (session.options.voice, session.options.recogniser):
                done = self._switch_to_profile(session, model)
                (switched if done else without_model).append(session.id)
        await self._served.unload(model)
        return switched, without_model

    async def unload_when_free(self, model: str, *, exact: bool = False) -> bool:
        """Unloads a model once no session uses it; later sessions start with their profile's.

        Returns whether it is unloaded already. Raises UnknownName: no such model.
        """
        model = model if exact else await self._models.resolve(model)
        self._profiles.clear_default(model)
        return await self._served.unload_when_free(model)

    def _switch_to_profile(self, session: Session, model: str) -> bool:
        """Replaces `model` in a session by that of its profile, or the fallback: a loaded one."""
        now, own = session.options, self._profiles.options(session.options.profile)
        if now.voice == model:
            choices = (own.voice_choice, own.fallback_voice)
        else:
            choices = (VoiceChoice(own.recogniser), VoiceChoice(own.fallback_recogniser))
        for other in choices:
            info = self._served.info(other.model) if other is not None else None
            if other is None or info is None or other.model == model:
                continue
            ipa = now.words_in_phonemes if info.kind == "tts" else []
            if info.speaks(now.language) and not (ipa and not info.takes_phonemes(now.language)):
                session.update(_switched(now, info, other))
                return True
        return False


def _require_used(info: ModelInfo) -> None:
    """Raises InvalidInput for a model of a kind that no session uses."""
    if info.kind == "speaker":
        raise InvalidInput(
            f"{info.name!r} tells the speakers of recordings apart; no session uses it",
            param="model",
        )


def _switched(options: SessionOptions, info: ModelInfo, choice: VoiceChoice) -> SessionOptions:
    """A session's options with another voice and its speaker, recogniser or endpointer.

    Raises:
        InvalidInput: the model lacks the session's language, a recogniser is given a speaker, or
            the session does not listen.
    """
    if options.follows_language:
        options = following(options, info)
        info.require_phonemes(options.words_in_phonemes, "")
    else:
        info.require_language(options.language)
        info.require_phonemes(options.words_in_phonemes, options.language)
    if info.kind == "tts":
        return options.updated(voice_choice=choice)
    if choice.speaker:
        what = KIND_NAMES[info.kind]
        raise InvalidInput(f"{what} {info.name!r} has no speakers", param="model")
    if info.kind == "endpointer":
        return options.updated(endpointer=info.name)
    if not options.recogniser:
        raise InvalidInput(f"profile {options.profile!r} does not listen", param="model")
    return options.updated(recogniser=info.name)
