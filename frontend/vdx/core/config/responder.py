"""Settings of what answers: `responder`."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from vdx.core.config.language_model import LocalConfig
from vdx.core.config.section import Section


class RepeatConfig(Section):
    template: str = "You said: {text}"


class ScriptConfig(Section):
    path: Path | None = None


class FallbackConfig(Section):
    """A chat endpoint that is asked where those before it fail."""

    base_url: str = Field(min_length=1, description="http(s)://… or unix:PATH, as of the first")
    model: str = Field("", description="empty: as of the first")
    api_key_env: str = Field(
        "",
        pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$",
        description="name of the variable with its key; empty: it wants none",
    )
    context_tokens: int | None = Field(None, ge=256, description="None: as of the first")
    first_token_timeout_ms: int | None = Field(None, ge=10, description="None: as of the first")


class ChatConfig(Section):
    """Any OpenAI-compatible chat endpoint."""

    base_url: str = Field(
        "http://127.0.0.1:11434/v1", description="or unix:PATH of a socket on this machine"
    )
    model: str = "llama3.2"
    api_key_env: str = Field(
        "OPENAI_API_KEY",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="name of the variable that the key is read from",
    )
    temperature: float | None = None
    max_tokens: int | None = Field(None, ge=1)
    connect_timeout_ms: int = Field(3_000, ge=10)
    first_token_timeout_ms: int = Field(15_000, ge=10)
    next_token_timeout_ms: int = Field(5_000, ge=10)
    retries: int = Field(2, ge=0, le=10)
    max_prompt_bytes: int | None = Field(
        None,
        ge=256,
        description="the oldest messages beyond it are left out, half of it at a time; None sends "
        "all until the endpoint says that its context is too small",
    )
    context_tokens: int | None = Field(
        None,
        ge=256,
        description="of the model, for prompt and reply: before it is full the oldest turns become "
        "a summary; None: once the endpoint says that it is",
    )
    fallbacks: tuple[FallbackConfig, ...] = Field(
        (),
        description="endpoints that are asked in this order where the first one fails before its "
        "first word: base_url, model, api_key_env, context_tokens, first_token_timeout_ms",
    )
    warm: bool = Field(
        True, description="ask for one word at start, so that the first turn need not wait longer"
    )


class ResponderConfig(Section):
    kind: Literal["repeat", "script", "chat", "local"] = "repeat"
    repeat: RepeatConfig = RepeatConfig()
    script: ScriptConfig = ScriptConfig()
    chat: ChatConfig = ChatConfig()
    local: LocalConfig = LocalConfig()
    preemptive: bool = Field(True, description="start on the speculative transcript")
    apology: str = Field(
        "Sorry, I cannot answer right now.",
        description="spoken when the responder fails, the voice refuses a whole reply, or the "
        "recogniser is lost",
    )

    @property
    def is_starter(self) -> bool:
        """Whether the starter language model answers."""
        return self.kind == "local" and self.local.is_starter
