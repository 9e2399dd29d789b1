"""Tokens that let one user into one room for a short time, with a dispatch of the agent.

The request and the answer of `POST /token` are those of LiveKit's own token endpoint, so that
`TokenSource.endpoint(url)` of its client libraries works:

    {"room_name", "participant_identity", "participant_name",
     "room_config": {"agents": [{"agent_name", "metadata"}]}}
    -> {"server_url", "participant_token", "room_name", "participant_identity", "expires_in"}

Every key may be left out. A participant's identity begins with `person-`, which is put before what
was asked for: nobody can take the place of an agent, or of whoever the operator gave a name
without it. `agent` is vdx's addition: the options of `transports/room/job_metadata.py` as an
object, in place of the JSON text in `metadata`. Without a LiveKit server the answer is 404 with
the code `no_livekit`.
"""

import datetime as dt
import json
import secrets
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from vdx.core.config import LiveKitConfig
from vdx.core.errors import InvalidInput, NoLiveKit
from vdx.transports.room.job_metadata import JobMetadata

USER_PREFIX = "person-"
"""What the identity of everybody begins with who joins by such a token."""
NAME = r"^[^\x00-\x1f\x7f]*$"
REJOIN_MARGIN_S = 10
"""LiveKit closes a room so long after the rejoin grace is over, should the agent not leave it."""


class WantedAgent(BaseModel):
    model_config = ConfigDict(extra="ignore")

    agent_name: str = ""
    metadata: str = ""


class WantedRoom(BaseModel):
    model_config = ConfigDict(extra="ignore")

    agents: list[WantedAgent] = Field(default_factory=list, max_length=1)


class TokenRequest(BaseModel):
    """What a client may ask for; unknown keys of LiveKit's own request are ignored."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={"examples": [{"room_name": "kitchen", "participant_name": "Mira"}]},
    )
    max_json_bytes: ClassVar = 65_536

    room_name: str = Field("", max_length=128, pattern=NAME)
    participant_identity: str = Field("", max_length=128, pattern=NAME)
    participant_name: str = Field("", max_length=128, pattern=NAME)
    room_config: WantedRoom | None = None
    agent: JobMetadata | None = None


class TokenAnswer(BaseModel):
    server_url: str
    participant_token: str
    room_name: str
    participant_identity: str
    expires_in: int


def mint(config: LiveKitConfig, request: TokenRequest, key: str = "") -> TokenAnswer:
    """A token for one room, valid for `livekit.token_ttl_seconds`.

    It grants joining that room, publishing a microphone and data, and hearing; nothing else. `key`
    is the hash of the API key among whose sessions the conversation counts; empty: of none.

    Raises:
        NoLiveKit: no LiveKit server is configured.
        InvalidInput: the dispatch asks for another agent, or for what a job cannot have.
    """
    if not (config.url and config.api_key and config.api_secret.get_secret_value()):
        raise NoLiveKit("no LiveKit server is configured (livekit.url, api_key, api_secret)")
    from livekit import api
    from livekit.protocol.agent_dispatch import RoomAgentDispatch
    from livekit.protocol.room import RoomConfiguration

    room = request.room_name or f"vdx-{secrets.token_hex(5)}"
    identity = USER_PREFIX + (request.participant_identity or secrets.token_hex(4)).removeprefix(
        USER_PREFIX
    )
    dispatch = RoomAgentDispatch(
        agent_name=config.agent_name, metadata=_metadata(config, request, key)
    )
    grants = api.VideoGrants(
        room_join=True,
        room=room,
        can_publish=True,
        can_publish_sources=["microphone"],
        can_publish_data=True,
        can_subscribe=True,
        can_update_own_metadata=False,
    )
    departure = int(config.rejoin_grace_seconds) + REJOIN_MARGIN_S
    token = (
        api.AccessToken(config.api_key, config.api_secret.get_secret_value())
        .with_identity(identity)
        .with_name(request.participant_name)
        .with_ttl(dt.timedelta(seconds=config.token_ttl_seconds))
        .with_grants(grants)
        .with_room_config(RoomConfiguration(agents=[dispatch], departure_timeout=departure))
    )
    return TokenAnswer(
        server_url=config.public_url or config.url,
        participant_token=token.to_jwt(),
        room_name=room,
        participant_identity=identity,
        expires_in=config.token_ttl_seconds,
    )


def _metadata(config: LiveKitConfig, request: TokenRequest, key: str) -> str:
    """The job's metadata, checked now so that the client gets the error; the key is not its own."""
    metadata = _requested(config, request).model_dump(exclude_none=True) | {"key": key}
    if not key:
        del metadata["key"]
    return json.dumps(metadata) if metadata else ""


def _requested(config: LiveKitConfig, request: TokenRequest) -> JobMetadata:
    if request.agent is not None:
        return request.agent
    wanted = request.room_config.agents if request.room_config else []
    if not wanted:
        return JobMetadata()
    if wanted[0].agent_name not in ("", config.agent_name):
        raise InvalidInput(
            f"the agent here is {config.agent_name!r}, not {wanted[0].agent_name!r}",
            param="room_config.agents.0.agent_name",
        )
    return JobMetadata.read(wanted[0].metadata)
