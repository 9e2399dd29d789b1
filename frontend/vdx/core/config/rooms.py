"""Settings of LiveKit rooms: `livekit`."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from vdx.core.config.section import Section
from vdx.core.values import Secret

ParticipantKind = Literal["standard", "sip", "connector", "ingress", "agent"]


class LiveKitConfig(Section):
    """Rooms: the LiveKit server, this worker in it, and the tokens people join with."""

    url: str = Field("", description="ws(s)://HOST:PORT of the server; empty = no rooms")
    public_url: str = Field("", description="what people connect to, where it differs from url")
    api_key: str = ""
    api_secret: Secret = Field(SecretStr(""), description="32 characters or more")
    agent_name: str = Field("vdx", description="what a dispatch asks for")
    agents: dict[str, str] = Field(
        default_factory=dict,
        description="more names that a dispatch may ask for -> the profile of each",
    )
    listened_kinds: tuple[ParticipantKind, ...] = Field(
        ("standard", "sip", "connector"),
        min_length=1,
        description="participants that agents listen to; without agent they answer no other agent",
    )
    max_rooms: int = Field(20, ge=1, description="rooms this worker serves at once")
    join_timeout_seconds: float = Field(60, gt=0, description="a room without a person is left")
    rejoin_grace_seconds: float = Field(15, ge=0, description="the conversation of who left waits")
    pre_connect_seconds: float = Field(
        10, ge=0, le=60, description="of what was said while joining, heard at most; 0 = none"
    )
    dtmf_end_key: str = Field(
        "#", pattern=r"^[0-9A-D*#]?$", description="ends an input by telephone keys; empty: none"
    )
    dtmf_pause_ms: int = Field(
        2_500, ge=100, le=60_000, description="without another key ends an input by telephone keys"
    )
    hang_up: bool = Field(
        True, description="remove a telephone's participant where the agent ended the call"
    )
    transcription_packets: bool = Field(
        False, description="send captions also as clients from before text streams know them"
    )
    output_queue_ms: int = Field(
        20, ge=20, le=200, multiple_of=10, description="sound that waits in a room's track"
    )
    output_queue_max_ms: int = Field(
        80, ge=20, le=200, multiple_of=10, description="the same on a machine that comes late"
    )
    token_ttl_seconds: int = Field(600, ge=10, le=86_400)
    port: int | None = Field(
        None, ge=0, le=65535, description="of the development server; None prefers 7880, 0 any"
    )
    record_output: Path | None = Field(
        None, description="folder for what each room was fed, 48 kHz WAV, to look into trouble"
    )
