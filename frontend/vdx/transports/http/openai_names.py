"""Names that clients use: profiles, models of vdx, and OpenAI's own for either."""

from typing import Final

from vdx.app import Application
from vdx.core.errors import InvalidInput, SessionLimit, UnknownName
from vdx.dialog.profiles import DEFAULT_PROFILE, SessionOptions
from vdx.serving.models import ModelInfo, ModelKind
from vdx.speech.output.tts import Voice
from vdx.transports.http.schema import SpeechRequest
from vdx.transports.realtime.settings import OPENAI_VOICES

OPENAI_SPEAKERS: Final = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
OPENAI_TRANSCRIBERS: Final = (
    "whisper-1",
    "gpt-transcribe",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
)
OPENAI_MODELS: Final = (*OPENAI_SPEAKERS, *OPENAI_TRANSCRIBERS, "gpt-realtime")
"""They mean the default profile, dated forms of them too (gpt-4o-mini-tts-2025-12-15)."""


def is_openai_model(name: str) -> bool:
    return name.startswith(OPENAI_MODELS)


def require_ready(host: Application) -> None:
    """Raises SessionLimit while models are still loading."""
    if not host.loaded:
        raise SessionLimit("the models are still loading; try again in a moment")


def profile_of(host: Application, model: str) -> SessionOptions | None:
    """The profile that `model` names; None where it names none."""
    if is_openai_model(model):
        return host.options("")
    if model == DEFAULT_PROFILE or model in host.config.profiles:
        return host.options(model)
    return None


async def find_voice(host: Application, asked: SpeechRequest) -> Voice:
    """The voice that `model` and `voice` mean together, loaded.

    Raises:
        UnknownName: there is no such profile or model.
        InvalidInput: there is no such voice, or it is none.
        TritonError: it could not be loaded.
    """
    name = asked.voice if isinstance(asked.voice, str) else asked.voice.id
    profile = profile_of(host, asked.model)
    if profile is None:
        model = (await host.offered(asked.model, "tts")).name
        speaker = "" if name in OPENAI_VOICES or name == model else name.removeprefix(f"{model}/")
    elif name in OPENAI_VOICES:
        model, speaker = profile.voice, profile.speaker
    else:
        model, _, speaker = name.partition("/")
    info = await _loaded(host, model, "tts", "voice")
    language = asked.language or _own_language(host, asked.model)
    info.require_language(language)
    return Voice(info.name, language, speaker, asked.speed)


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


async def _loaded(host: Application, name: str, kind: ModelKind, param: str) -> ModelInfo:
    try:
        return await host.offered(name, kind)
    except UnknownName as error:
        if param == "model":
            raise
        raise InvalidInput(f"{error}; OpenAI's voice names work too", param=param) from None


def _own_language(host: Application, model: str) -> str:
    """What the profile itself says; the configuration's default is meant for listening."""
    profile = host.config.profiles.get(DEFAULT_PROFILE if is_openai_model(model) else model)
    return (profile.language or "") if profile else ""
