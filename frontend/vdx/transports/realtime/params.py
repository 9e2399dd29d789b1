"""Which key of a session.update an error about a model belongs to."""

from vdx.core.errors import InvalidInput
from vdx.transports.realtime.schema import SessionUpdate

VOICE = "session.audio.output.voice"
RECOGNISER = "session.audio.input.transcription.model"


def param_of(error: InvalidInput, update: SessionUpdate) -> str | None:
    """The key of the protocol for the `param` of an error of the models."""
    audio = update.audio
    output = audio.output if audio else None
    heard = audio.input.transcription if audio and audio.input else None
    by_extension = bool(update.vdx and update.vdx.recogniser)
    recogniser = "session.vdx.recogniser" if by_extension else RECOGNISER
    names_recogniser = by_extension or bool(heard and heard.model)
    match error.param:
        case "voice":
            return VOICE
        case "recogniser":
            return recogniser
        case "language":
            return _of_language(update)
        case "model":
            return _of_model(error, output.voice if output else None, recogniser, names_recogniser)
        case other:
            return other


def _of_language(update: SessionUpdate) -> str:
    """Where the language was named; it may also be another model that lacks the present one."""
    if update.vdx and update.vdx.language:
        return "session.vdx.language"
    heard = update.audio.input.transcription if update.audio and update.audio.input else None
    named = bool(heard and heard.language)
    return "session.audio.input.transcription.language" if named else "language"


def _of_model(
    error: InvalidInput, voice: object, recogniser: str, names_recogniser: bool
) -> str | None:
    if voice is None or not names_recogniser:
        return recogniser if names_recogniser else (error.param if voice is None else VOICE)
    name = voice if isinstance(voice, str) else str(getattr(voice, "id", ""))
    return VOICE if f"'{name.partition('/')[0]}'" in error.message else recogniser
