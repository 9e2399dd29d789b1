"""What clients of the audio endpoints may send and what they get.

The names are those of the OpenAI API. Keys it has and vdx has no use for are accepted; keys it
does not have are refused by name.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from vdx.core.config import Speed
from vdx.core.language_names import tag_of
from vdx.core.voice_choice import MOST_STYLE_CHARS
from vdx.dialog.profiles import DEFAULT_PROFILE

MAX_INPUT_CHARS = 100_000
MOST_KNOWN = 4
"""As OpenAI has it."""

Tag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$")]
"""A BCP-47 tag."""


def _language(given: Any) -> Any:
    """The tag of a language, None where none is named."""
    return (tag_of(given) or None) if isinstance(given, str) else given


Language = Annotated[Tag | None, BeforeValidator(_language)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class VoiceId(Shape):
    """The long way to name a voice."""

    id: Name


class SpeechRequest(Shape):
    """A text to speak. `language` and `sample_rate` are vdx's own."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"model": "tts-1", "voice": "alloy", "input": "Hello there."}]
        }
    )

    input: str = Field(min_length=1, max_length=MAX_INPUT_CHARS, description="any length of text")
    model: Name = Field(
        DEFAULT_PROFILE, description="a profile, a voice model, or a name of OpenAI's such as tts-1"
    )
    voice: Name | VoiceId = Field(
        "alloy", description="a voice model, model/speaker, or a name of OpenAI's (the profile's)"
    )
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: Speed = 1.0
    instructions: str | None = Field(
        None,
        max_length=MAX_INPUT_CHARS,
        description=f"followed by voices that take words on how to speak, up to {MOST_STYLE_CHARS} "
        "characters; accepted with any other",
    )
    stream_format: Literal["audio", "sse"] = "audio"
    language: Language = Field(
        None, description="BCP-47, or an English name; default, and auto: the voice's own"
    )
    sample_rate: Literal[16000, 24000, 48000] = Field(24000, description="Hz")


class RecordingRequest(Shape):
    """The fields beside `file` of a recording; `channels` is vdx's own."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"model": "whisper-1", "file": "hello.mp3"}]}
    )

    model: Name = Field(
        DEFAULT_PROFILE,
        description="a profile, a recogniser, or a name of OpenAI's such as whisper-1",
    )
    response_format: str = "json"
    stream: bool = Field(False, description="server-sent events; with json and text")
    language: Language = Field(
        None, description="BCP-47, or an English name; default, and auto: the model finds out"
    )
    timestamp_granularities: list[Literal["word", "segment"]] = Field(
        [], max_length=2, description="of verbose_json; default: both"
    )
    prompt: str | None = Field(None, max_length=10_000, description="accepted, not used")
    temperature: float = Field(0.0, ge=0, le=1, description="accepted, not used")
    include: list[Literal["logprobs"]] = Field([], max_length=1, description="accepted, not used")
    chunking_strategy: str | None = Field(
        None, max_length=1_000, description="accepted; speech is always cut by voice activity"
    )
    channels: Literal["auto", "split"] = Field(
        "auto",
        description="split: a transcript for each channel, as of the two sides of a call; auto: "
        "what several channels carry is written down once",
    )


class TranscriptionRequest(RecordingRequest):
    """The fields beside `file` of a recording to write down."""

    response_format: Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"] = "json"
    known_speaker_names: list[Name] = Field(
        [], max_length=MOST_KNOWN, description="of diarized_json: people whose voices are given"
    )
    known_speaker_references: list[str] = Field(
        [],
        max_length=MOST_KNOWN,
        description="a recording of each, 0.5 to 30 s, as a data URL",
    )


class TranslationRequest(RecordingRequest):
    """The fields beside `file` of a recording to write down in English."""

    response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] = "json"


class Side(BaseModel):
    """What one channel says."""

    channel: int = Field(description="counted from 0")
    text: str


class Transcription(BaseModel):
    """`json`: what the recording says."""

    text: str
    channels: list[Side] | None = Field(None, description="of channels=split")
    usage: dict[str, Any]


class TranscriptionWord(BaseModel):
    word: str
    start: float = Field(description="seconds")
    end: float
    channel: int | None = Field(None, description="of channels=split")


class TranscriptionSegment(BaseModel):
    """A stretch of speech; tokens and seek exist for clients written for Whisper."""

    id: int
    seek: int
    start: float = Field(description="seconds")
    end: float
    text: str
    channel: int = Field(description="of the recording, counted from 0")
    tokens: list[int]
    temperature: float
    avg_logprob: float = Field(description="logarithm of the recogniser's confidence")
    compression_ratio: float
    no_speech_prob: float


class DiarizedSegment(BaseModel):
    """What one person says in one go."""

    type: Literal["transcript.text.segment"]
    id: str
    start: float = Field(description="seconds")
    end: float
    text: str
    speaker: str = Field(description="a known name, or A, B, …")
    channel: int = Field(description="of the recording, counted from 0")


class DiarizedTranscription(BaseModel):
    """`diarized_json`: who says what."""

    task: Literal["transcribe"]
    duration: float = Field(description="seconds")
    text: str
    segments: list[DiarizedSegment]
    usage: dict[str, Any]


class VerboseTranscription(Transcription):
    """`verbose_json`: with times."""

    task: Literal["transcribe", "translate"]
    language: str = Field(description="in English; empty where nobody knows")
    duration: float = Field(description="seconds")
    segments: list[TranscriptionSegment] | None = None
    words: list[TranscriptionWord] | None = None
