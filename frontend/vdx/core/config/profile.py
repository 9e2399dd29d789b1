"""Settings of a profile: `profiles.NAME`."""

from typing import Final, Self

from pydantic import Field, field_validator, model_validator

from vdx.core.config.responder import ResponderConfig
from vdx.core.config.section import Section
from vdx.core.config.speech_input import EchoControlConfig, VadConfig
from vdx.core.config.speech_output import ClauseConfig, Speed
from vdx.core.config.tools import ToolsConfig
from vdx.core.config.turn_taking import EndpointingConfig, IdleConfig
from vdx.core.ipa import check_pronunciation
from vdx.core.voice_choice import VoiceInstructions

MAX_PROMPT_CHARS: Final = 1000
"""Of words to expect, with a comma and a space between them, as the recogniser contract allows."""


class ProfileConfig(Section):
    """A named set of overrides; None keeps the value of the section it overrides."""

    voice: str | None = None
    recogniser: str | None = Field(None, description='"" listens to nobody')
    fallback_voice: str | None = Field(
        None, description="speaks where the voice died or is unloaded; None: the default profile's"
    )
    fallback_recogniser: str | None = Field(
        None, description="listens where the recogniser is unloaded; None: the default profile's"
    )
    responder: ResponderConfig | None = None
    instructions: str = "You are a helpful voice assistant. Answer briefly, in spoken language."
    greeting: str = ""
    language: str | None = Field(None, description="BCP-47, or auto as in asr.language")
    speed: Speed | None = None
    voice_instructions: VoiceInstructions = ""
    hot_words: tuple[str, ...] = Field(
        (), description="words that people are likely to say, for recognisers that take them"
    )
    clauses: ClauseConfig | None = None
    vad: VadConfig | None = None
    endpointing: EndpointingConfig | None = None
    echo_control: EchoControlConfig | None = None
    record_calls: bool = Field(
        False, description="keep sound and words of each call, see call_recording; needs `consent`"
    )
    consent: str = Field("", description="said before the greeting of a call that is recorded")
    tools: ToolsConfig | None = None
    idle: IdleConfig | None = None
    pronunciation: dict[str, str] = Field(
        default_factory=dict,
        max_length=1_000,
        description="word -> how it is spoken: respelled, or /IPA/ for voices that take phonemes; "
        "a word in lower case stands for every case of it",
    )

    @field_validator("pronunciation")
    @classmethod
    def _can_be_spoken(cls, entries: dict[str, str]) -> dict[str, str]:
        for word, said in entries.items():
            check_pronunciation(word, said)
        return entries

    @field_validator("hot_words")
    @classmethod
    def _fit_into_a_prompt(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        if (length := len(", ".join(words))) > MAX_PROMPT_CHARS:
            raise ValueError(f"{length} characters with commas between; {MAX_PROMPT_CHARS} at most")
        return words

    @model_validator(mode="after")
    def _asks_before_it_records(self) -> Self:
        if self.record_calls and not self.consent.strip():
            raise ValueError("record_calls needs a line that says so to the caller: set consent")
        return self
