"""What the `model` and `voice` of a request mean: profiles, models of vdx, OpenAI's names."""

from dataclasses import replace

from vdx.app import Application
from vdx.core.errors import InvalidInput, SessionLimit, UnknownName
from vdx.core.language_names import is_auto
from vdx.core.voice_choice import VoiceChoice
from vdx.dialog.profiles import DEFAULT_PROFILE, SessionOptions
from vdx.serving.models import ModelInfo, ModelKind
from vdx.speech.output.tts import Voice
from vdx.transports.http.schema import SpeechRequest
from vdx.transports.openai_names import VOICES, is_openai_model


def require_ready(host: Application) -> None:
    """Raises SessionLimit while models are still loading."""
    if not host.loaded:
        raise SessionLimit("the models are still loading; try again in a moment")


def profile_of(host: Application, model: str) -> SessionOptions | None:
    """The profile that `model` names; None where it names none."""
    if is_openai_model(model):
        return host.profiles.options("")
    if model == DEFAULT_PROFILE or model in host.config.profiles:
        return host.profiles.options(model)
    return None


async def find_voice(host: Application, asked: SpeechRequest) -> tuple[Voice, ModelInfo]:
    """The voice that `model` and `voice` mean together, loaded, and what it can do.

    Raises:
        UnknownName: there is no such profile or model.
        InvalidInput: there is no such voice, or it is none.
        TritonError: it could not be loaded.
    """
    name = asked.voice if isinstance(asked.voice, str) else asked.voice.id
    profile = profile_of(host, asked.model)
    language = asked.language or _own_language(host, asked.model)
    if profile is None:
        choice = await _choice_of_model(host, asked.model, name)
    elif name in VOICES:
        choice = profile.voice_choice
    else:
        choice = VoiceChoice.parse(name)
    info = await _loaded(host, choice.model, "tts", "voice")
    info.require_language(language)
    return Voice(info.name, language, choice.speaker, asked.speed), info


async def _choice_of_model(host: Application, model: str, voice: str) -> VoiceChoice:
    """What `voice` means beside a `model` that is a voice itself: MODEL/SPEAKER or SPEAKER."""
    own = VoiceChoice((await host.models.offered(model, "tts")).name)
    if voice in VOICES or voice in (model, own.model):
        return own
    return replace(own, speaker=voice.removeprefix(f"{model}/").removeprefix(f"{own.model}/"))


async def find_recogniser(host: Application, model: str, language: str | None) -> ModelInfo:
    """The recogniser that `model` means, loaded.

    Raises:
        UnknownName: there is no such profile or model.
        InvalidInput: it is no recogniser, or does not understand `language`.
        TritonError: it could not be loaded.
    """
    profile = profile_of(host, model)
    if profile is not None and not profile.recogniser:
        raise InvalidInput(f"profile {profile.profile!r} does not listen", param="model")
    info = await _loaded(host, profile.recogniser if profile else model, "asr", "model")
    info.require_language(language or "")
    return info


async def find_translator(host: Application, model: str, language: str | None) -> ModelInfo:
    """The recogniser that `model` means, loaded, which translates into English.

    Raises:
        InvalidInput: it cannot translate, or as `find_recogniser`, as the others.
    """
    info = await find_recogniser(host, model, language)
    info.require_translation()
    return info


async def _loaded(host: Application, name: str, kind: ModelKind, param: str) -> ModelInfo:
    try:
        return await host.models.offered(name, kind)
    except UnknownName as error:
        if param == "model":
            raise
        raise InvalidInput(f"{error}; OpenAI's voice names work too", param=param) from None


def _own_language(host: Application, model: str) -> str:
    """What the profile itself says; the configuration's default is meant for listening."""
    profile = host.config.profiles.get(DEFAULT_PROFILE if is_openai_model(model) else model)
    language = (profile.language or "") if profile else ""
    return "" if is_auto(language) else language
