"""What a client may send: the protocol's session, item and response shapes, validated.

Known keys that vdx has no use for (tracing, truncation, noise reduction …) are accepted and
ignored; keys the protocol does not have are refused by name.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from vdx.core.config import Speed
from vdx.core.errors import InvalidInput
from vdx.core.validation import validated

BETA_KEYS = frozenset(
    {
        "modalities",
        "voice",
        "input_audio_format",
        "output_audio_format",
        "input_audio_transcription",
        "turn_detection",
        "input_audio_noise_reduction",
        "temperature",
    }
)
"""Keys of the beta protocol's flat session; in the GA form they live under `audio`."""


Name = Annotated[str, Field(max_length=200)]
"""Of a model, voice, speaker or language."""
MetadataKey = Annotated[str, Field(max_length=64)]
MetadataValue = Annotated[str, Field(max_length=512)]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AudioFormat(Shape):
    """int16 mono; 24000 is the protocol's rate, the others are vdx's extension."""

    type: Literal["audio/pcm"] = "audio/pcm"
    rate: Literal[16000, 24000, 48000] = 24000


class TurnDetection(Shape):
    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    threshold: float | None = Field(None, ge=0, le=1)
    prefix_padding_ms: int | None = Field(None, ge=0)
    silence_duration_ms: int | None = Field(None, ge=20, le=10_000)
    idle_timeout_ms: int | None = Field(None, ge=0)
    eagerness: Literal["low", "medium", "high", "auto"] | None = None
    create_response: bool = True
    interrupt_response: bool = True


class Transcription(Shape):
    model: Name | None = None
    language: Name | None = None
    prompt: str | None = Field(None, max_length=1000, description="words that are likely")


class AudioInput(Shape):
    format: AudioFormat | None = None
    transcription: Transcription | None = None
    noise_reduction: dict[str, Any] | None = None
    turn_detection: TurnDetection | None = None


class VoiceId(Shape):
    id: Name = Field(min_length=1)


class AudioOutput(Shape):
    format: AudioFormat | None = None
    voice: Annotated[Name, Field(min_length=1)] | VoiceId | None = None
    speed: Speed | None = None


class Audio(Shape):
    input: AudioInput | None = None
    output: AudioOutput | None = None


class VdxExtension(Shape):
    """vdx's own keys: `events` opts in to the vdx.* server events, `echo_cancellation` is for
    clients that play the bot through a loudspeaker and cannot cancel its echo themselves, and
    `noise_suppression` comes with it. `responder` names the profile whose responder answers.
    `pause_scale` and `sensitivity` are factors on the profile's own silences and thresholds.
    """

    events: bool | None = None
    recogniser: Name | None = None
    language: Name | None = None
    echo_cancellation: bool | None = None
    noise_suppression: bool | None = None
    responder: Name | None = None
    pause_scale: float | None = Field(None, ge=0.25, le=4)
    sensitivity: float | None = Field(None, ge=0.25, le=4)


class SessionUpdate(Shape):
    type: Literal["realtime"]
    object: str | None = None
    id: str | None = None
    model: str | None = None
    expires_at: int | None = None
    instructions: str | None = None
    output_modalities: list[Literal["audio"]] | None = None
    audio: Audio | None = None
    tools: list[Any] | None = Field(None, max_length=0)
    tool_choice: Any = None
    max_output_tokens: Any = None
    tracing: Any = None
    truncation: Any = None
    prompt: Any = None
    include: Any = None
    vdx: VdxExtension | None = None


class TextPart(Shape):
    type: Literal["input_text", "output_text"]
    text: str = Field(min_length=1)


class NewItem(Shape):
    id: str | None = Field(None, min_length=1, max_length=64)
    object: str | None = None
    type: Literal["message"]
    status: str | None = None
    role: Literal["user", "assistant", "system"]
    content: list[TextPart] = Field(min_length=1)


class ResponseCreate(Shape):
    instructions: str | None = None
    metadata: dict[MetadataKey, MetadataValue] | None = Field(None, max_length=16)
    output_modalities: list[Literal["audio"]] | None = None
    conversation: Literal["auto"] | None = None
    tools: list[Any] | None = Field(None, max_length=0)
    tool_choice: Any = None
    max_output_tokens: Any = None


def session_update(data: object) -> SessionUpdate:
    """The `session` of a session.update.

    Raises:
        InvalidInput: it is none, or one of the beta protocol; names the key and its value.
    """
    if isinstance(data, dict) and (beta := BETA_KEYS & data.keys()):
        key = f"session.{min(beta)}"
        raise InvalidInput(
            f"{key} belongs to the beta Realtime protocol; vdx speaks the GA form, where audio "
            "settings live under session.audio.input and session.audio.output",
            param=key,
        )
    return validated(SessionUpdate, data, "session")
