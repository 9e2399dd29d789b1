"""Settings of the server: `server`, and the limits of `session`."""

from pathlib import Path

from pydantic import Field, model_validator

from vdx.core.config.section import Section
from vdx.core.values import ApiKey, Network, Origin, PublicUrl


class ServerConfig(Section):
    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535, description="0 picks a free one")
    api_keys: tuple[ApiKey, ...] = Field(
        (), description="16 characters or more each; required to be reached by others"
    )
    api_keys_file: Path | None = Field(
        None, description="hashed keys with names, scopes and limits; `vdx keys` writes it"
    )
    allowed_origins: tuple[Origin, ...] = Field(
        (), description="browser origins beside the server's own; '*' allows any"
    )
    public_url: PublicUrl = Field(
        "", description="https://HOST that a proxy serves this server under"
    )
    trusted_proxies: tuple[Network, ...] = Field(
        ("127.0.0.1", "::1"),
        description="whose X-Forwarded-For and X-Forwarded-Proto are believed",
    )
    request_timeout_ms: int = Field(
        10_000, ge=100, description="for a request's headers, and for each stall of its body"
    )
    max_sessions: int | None = Field(
        None, ge=1, description="None follows cores and descriptors; see core/capacity.py"
    )
    max_message_bytes: int = Field(16 * 1024 * 1024, ge=1024)
    max_upload_bytes: int = Field(25 * 1024 * 1024, ge=1024, description="of one recording")
    max_recording_seconds: float = Field(28_800, ge=1, description="a small file can last days")
    max_recordings: int = Field(16, ge=1, description="written down at once")
    write_timeout_ms: int = Field(10_000, ge=100, description="a reader slower than this is gone")
    drain_timeout_seconds: int = Field(
        600,
        ge=0,
        description="SIGTERM waits so long for sessions, rooms and requests to end; 0 = for ever",
    )

    @model_validator(mode="after")
    def _needs_keys(self) -> "ServerConfig":
        if self.public_url and not self.api_keys and self.api_keys_file is None:
            raise ValueError(
                "public_url makes this server reachable by others: set server.api_keys "
                "(or VDX_SERVER__API_KEYS) or server.api_keys_file too"
            )
        return self


class SessionConfig(Section):
    """Limits of one session; 0 means none."""

    idle_timeout_seconds: float = Field(300, ge=0)
    max_session_duration_seconds: float = Field(3600, ge=0)
    max_messages_per_session: int = Field(
        1000, ge=0, description="turns of both sides; the client is told when few are left"
    )
    max_item_text_bytes: int = Field(
        256 * 1024, ge=1024, le=1024 * 1024, description="of one item, instructions or reply, UTF-8"
    )
    max_history_bytes: int = Field(
        1024 * 1024, ge=1024, description="text of all items of a conversation, UTF-8"
    )
    input_gap_ms: int = Field(200, ge=20, description="input missing this long counts as silence")
