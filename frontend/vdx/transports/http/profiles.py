"""`GET /vdx/profiles`: what a conversation can be, and how each is set."""

from pydantic import BaseModel, Field

from vdx.core.config import ResponderConfig
from vdx.dialog.profiles import SessionOptions
from vdx.transports.http.operation import Host, TalkOperation, operations

api = operations(kind=TalkOperation)


class Profile(BaseModel):
    name: str
    voice: str = Field(description="MODEL or MODEL/SPEAKER")
    speed: float
    recogniser: str = Field(description="empty: it takes no audio")
    language: str
    instructions: str
    greeting: str
    responder: str = Field(description="repeat, script, chat or local")
    language_model: str = Field(description="of the responders chat and local, else empty")
    barge_in: bool
    echo_cancellation: bool
    noise_suppression: bool
    finished_ms: int = Field(description="silence that ends a turn that is clearly finished")
    unfinished_ms: int = Field(description="silence that ends an unfinished phrase")
    min_silence_duration_ms: int
    min_threshold: float = Field(description="of the noise gate, int16 RMS")
    threshold_multiplier: float = Field(description="of the noise gate")


class Profiles(BaseModel):
    profiles: list[Profile]


@api.get("/vdx/profiles")
async def profiles(host: Host) -> Profiles:
    """Each profile, as a conversation that names it begins."""
    every = [host.profiles.options(name) for name in host.profiles.names]
    return Profiles(profiles=[_profile(options) for options in every])


def _profile(options: SessionOptions) -> Profile:
    gate = options.vad.noise_gate
    return Profile(
        name=options.profile,
        voice=str(options.voice_choice),
        speed=options.speed,
        recogniser=options.recogniser,
        language=options.asked_language,
        instructions=options.instructions,
        greeting=options.greeting,
        responder=options.responder.kind,
        language_model=_language_model(options.responder),
        barge_in=options.barge_in,
        echo_cancellation=options.echo_control.cancellation,
        noise_suppression=options.echo_control.noise_suppression,
        finished_ms=options.endpointing.finished_ms,
        unfinished_ms=options.endpointing.unfinished_ms,
        min_silence_duration_ms=options.vad.min_silence_duration_ms,
        min_threshold=gate.min_threshold,
        threshold_multiplier=gate.threshold_multiplier,
    )


def _language_model(responder: ResponderConfig) -> str:
    match responder.kind:
        case "chat":
            return responder.chat.model
        case "local":
            return responder.local.name
        case _:
            return ""
