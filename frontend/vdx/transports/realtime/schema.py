"""What a client may send: the protocol's session, item and response shapes, validated.

Known keys that vdx has no use for (tracing, truncation, reasoning, noise reduction …) are accepted
and ignored, and not shown as taken; keys the protocol does not have are refused by name.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from vdx.core.audio_formats import TELEPHONE_RATE, FormatName, WireFormat
from vdx.core.config import Speed
from vdx.core.errors import InvalidInput
from vdx.core.validation import validated
from vdx.core.voice_choice import VoiceInstructions
from vdx.transports.function_tools import AnyToolChoice, AnyTools, ToolName

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


def _printable(given: str) -> str:
    if not given.isprintable():  # it would break the lines of logs, and of whoever shows it
        raise ValueError("an id has no control characters and no line breaks")
    return given


def _no_place(item_id: str) -> str:
    if item_id == "root":
        raise ValueError("'root' is no id of an item: it names the start of the conversation")
    return item_id


Id = Annotated[str, AfterValidator(_printable)]
ItemId = Annotated[Id, Field(min_length=1, max_length=64), AfterValidator(_no_place)]
CallId = Annotated[Id, Field(min_length=1, max_length=256)]
MetadataKey = Annotated[str, Field(max_length=64)]
MetadataValue = Annotated[str, Field(max_length=512)]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AudioFormat(Shape):
    """Mono; PCM is int16, 24000 its rate in the protocol, the others are vdx's extension.

    `audio/pcmu` and `audio/pcma` are G.711 at 8000.
    """

    type: FormatName = "audio/pcm"
    rate: Literal[8000, 16000, 24000, 48000] | None = None

    @model_validator(mode="after")
    def _of_the_format(self) -> Self:
        telephone = self.type != "audio/pcm"
        if self.rate is not None and telephone != (self.rate == TELEPHONE_RATE):
            wanted = "8000" if telephone else "16000, 24000 or 48000"
            raise ValueError(f"the rate of {self.type} is {wanted}, not {self.rate}")
        return self

    @property
    def wire(self) -> WireFormat:
        usual = 24_000 if self.type == "audio/pcm" else TELEPHONE_RATE
        return WireFormat(self.type, self.rate or usual)


class TurnDetection(Shape):
    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    threshold: float | None = Field(None, ge=0, le=1)
    prefix_padding_ms: int | None = Field(None, ge=0, description="at most a second is kept")
    silence_duration_ms: int | None = Field(None, ge=20, le=10_000)
    idle_timeout_ms: int | None = Field(None, ge=0)
    eagerness: Literal["low", "medium", "high", "auto"] | None = None
    create_response: bool = True
    interrupt_response: bool = True


class Transcription(Shape):
    """`delay` and `languages` have no effect."""

    model: Name | None = None
    language: Name | None = None
    languages: list[Name] | None = None
    keywords: list[Name] | None = Field(None, description="words that are likely, beside `prompt`")
    delay: str | None = None
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
    `noise_suppression` for those whose noise nobody takes out. `responder` names the profile whose
    responder answers. `pause_scale` and `sensitivity` are factors on the profile's own silences and
    thresholds. `voice_instructions` are for a voice that takes words on how to speak.
    """

    events: bool | None = None
    recogniser: Name | None = None
    language: Name | None = None
    echo_cancellation: bool | None = None
    noise_suppression: bool | None = None
    responder: Name | None = None
    pause_scale: float | None = Field(None, ge=0.25, le=4)
    sensitivity: float | None = Field(None, ge=0.25, le=4)
    voice_instructions: VoiceInstructions | None = None


OutputModalities = Annotated[list[Literal["text", "audio"]], Field(min_length=1, max_length=1)]
"""Text or audio: a spoken reply has its transcript in any case."""
MaxTokens = Annotated[int, Field(ge=1, le=1_000_000, strict=True)] | Literal["inf"]


class SessionUpdate(Shape):
    type: Literal["realtime", "transcription"]
    object: str | None = None
    id: str | None = None
    model: str | None = None
    expires_at: int | None = None
    instructions: str | None = None
    output_modalities: OutputModalities | None = None
    audio: Audio | None = None
    tools: AnyTools | None = None
    tool_choice: AnyToolChoice | None = None
    max_output_tokens: MaxTokens | None = None
    parallel_tool_calls: bool | None = None
    reasoning: Any = None
    tracing: Any = None
    truncation: Any = None
    prompt: Any = None
    include: Any = None
    vdx: VdxExtension | None = None


class TextPart(Shape):
    type: Literal["input_text", "output_text"]
    text: str


class AudioPart(Shape):
    """Speech: its `transcript` is what it says; without one the recogniser hears `audio`."""

    type: Literal["input_audio", "output_audio"]
    audio: str | None = Field(None, description="base64, in the format of the session's input")
    transcript: str | None = None


Part = Annotated[TextPart | AudioPart, Field(discriminator="type")]


class NewItem(Shape):
    id: ItemId | None = None
    object: str | None = None
    type: Literal["message"]
    status: str | None = None
    role: Literal["user", "assistant", "system"]
    content: list[Part]


class ItemReference(Shape):
    """An item of the conversation, in the `input` of a response."""

    type: Literal["item_reference"]
    id: Name


class ResponseAudio(Shape):
    output: AudioOutput | None = None


class NewCall(Shape):
    """A call of an earlier conversation."""

    id: ItemId | None = None
    object: str | None = None
    type: Literal["function_call"]
    status: str | None = None
    call_id: CallId
    name: ToolName
    arguments: str


class NewCallOutput(Shape):
    """The result of a call, as text; a client answers a call of its tool with it."""

    id: ItemId | None = None
    object: str | None = None
    type: Literal["function_call_output"]
    status: str | None = None
    call_id: CallId
    output: str


class NewMcpItem(Shape):
    """Shared by the items of MCP servers, which a client sends back as they came."""

    id: ItemId | None = None
    object: str | None = None
    status: str | None = None


class NewMcpList(NewMcpItem):
    type: Literal["mcp_list_tools"]
    server_label: Name
    tools: list[dict[str, Any]] = Field(max_length=1_000)


class NewMcpCall(NewMcpItem):
    """A call of an earlier conversation, with its result or its error."""

    type: Literal["mcp_call"]
    server_label: Name
    name: Name
    arguments: str
    approval_request_id: Name | None = None
    output: str | None = None
    error: dict[str, Any] | None = None


class NewMcpRequest(NewMcpItem):
    """A request for approval of an earlier conversation: nothing waits for its answer."""

    type: Literal["mcp_approval_request"]
    server_label: Name
    name: Name
    arguments: str


class NewMcpAnswer(NewMcpItem):
    """The client's answer to a request for approval."""

    type: Literal["mcp_approval_response"]
    approval_request_id: Name
    approve: Annotated[bool, Field(strict=True)]
    reason: str | None = Field(None, max_length=2_000)


McpItem = NewMcpList | NewMcpCall | NewMcpRequest | NewMcpAnswer
InputItem = NewItem | NewCall | NewCallOutput | ItemReference | McpItem
"""What a response may be given in place of the conversation."""


class ResponseCreate(Shape):
    """`conversation` none: the response does not become a part of the conversation."""

    instructions: str | None = None
    metadata: dict[MetadataKey, MetadataValue] | None = Field(None, max_length=16)
    output_modalities: OutputModalities | None = None
    conversation: Literal["auto", "none"] | None = None
    input: list[Annotated[InputItem, Field(discriminator="type")]] | None = Field(
        None, max_length=1_000
    )
    audio: ResponseAudio | None = None
    tools: AnyTools | None = None
    tool_choice: AnyToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: MaxTokens | None = None
    prompt: Any = None
    reasoning: Any = None


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
