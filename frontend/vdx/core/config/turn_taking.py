"""Settings of whose turn it is: `endpointing`, `barge_in`, `idle`."""

from typing import Self

from pydantic import Field, model_validator

from vdx.core.config.section import Section


class BargeInConfig(Section):
    enabled: bool = True
    confirm_ms: int = Field(600, ge=0)
    interrupt_words: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="language -> words added to the built-in list"
    )
    listening_sounds: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="language -> sounds added to the built-in list"
    )


class EndpointingConfig(Section):
    """How long a pause may last before it ends the turn; off: `vad.min_silence_duration_ms`."""

    enabled: bool = True
    model: str = Field(
        "",
        description="an endpointer, which hears whether a person is done; empty: the starter where "
        "it was fetched; none: the words alone tell",
    )
    finished_ms: int = Field(
        120, ge=20, le=2000, description="silence that ends a turn that is clearly finished"
    )
    unfinished_ms: int = Field(
        1400, ge=20, le=2000, description="silence that ends an unfinished phrase"
    )


class IdleConfig(Section):
    """What is said where nobody says anything for long; off unless `after_ms` is set."""

    after_ms: int = Field(
        0, ge=0, description="of silence, then `text` is said, once until somebody speaks; 0: never"
    )
    text: str = Field("", description='such as "Are you still there?"')
    goodbye_after_ms: int = Field(
        0, ge=0, description="of silence after it, then the session ends; 0: it does not"
    )
    goodbye_text: str = Field("", description="said before that; empty: it ends without a word")

    @model_validator(mode="after")
    def _says_something_first(self) -> Self:
        if self.after_ms and not self.text.strip():
            raise ValueError("after_ms needs what is said then: set text")
        if self.goodbye_after_ms and not self.after_ms:
            raise ValueError("goodbye_after_ms counts from what is said after_ms: set that too")
        return self
