"""Settings of what is spoken: `tts`, `clauses`, `playout`."""

from typing import Annotated, Literal

from pydantic import Field

from vdx.core.config.section import Section

Speed = Annotated[
    float, Field(ge=0.25, le=4.0, description="times as fast; a voice goes as far as it can")
]


class TtsConfig(Section):
    voice: str = Field(
        "",
        description="MODEL or MODEL/SPEAKER; empty: the catalogue's voice of the language where "
        "it was fetched, else espeak",
    )
    speed: Speed = 1.0
    clauses_ahead: int = Field(2, ge=1, le=8)


class ClauseConfig(Section):
    """Where the reply is cut for the voice, in characters."""

    first_min_chars: int = Field(12, ge=1)
    first_max_chars: int = Field(60, ge=10)
    max_chars: int = Field(200, ge=40, le=1000)
    links: Literal["short", "full"] = Field(
        "short",
        description='"a link to example.org", and "a long code" for a hash, or every letter',
    )


class PlayoutConfig(Section):
    output_lead_ms: int = Field(
        40, ge=20, le=1000, description="audio sent and not yet played, at most"
    )
    resume_fade_ms: int = Field(5, ge=0, le=20)
