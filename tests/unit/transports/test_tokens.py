"""What a token lets its holder do, and what a job may wish for."""

import json
from typing import Any

import jwt
import pytest

from vdx.core.config import Config, LiveKitConfig
from vdx.core.errors import InvalidInput, NoLiveKit
from vdx.core.validation import validated
from vdx.transports.room.job_metadata import JobMetadata
from vdx.transports.room.tokens import TokenRequest, mint

SECRET = "s" * 32
ROOMS = Config.model_validate(
    {"livekit": {"url": "ws://127.0.0.1:7880", "api_key": "key", "api_secret": SECRET}}
).livekit


def minted(key: str = "", /, **request: Any) -> dict[str, Any]:
    answer = mint(ROOMS, validated(TokenRequest, request, "body"), key)
    return dict(jwt.decode(answer.participant_token, SECRET, algorithms=["HS256"]))


def test_a_token_is_short_lived_for_one_room_and_grants_no_more_than_talking() -> None:
    claims = minted(room_name="mine", participant_identity="mira", participant_name="Mira")
    assert (claims["sub"], claims["name"], claims["iss"]) == ("person-mira", "Mira", "key")
    assert claims["exp"] - claims["nbf"] == ROOMS.token_ttl_seconds
    grants = claims["video"]
    assert grants["room"] == "mine"
    assert grants["canPublishSources"] == ["microphone"]
    granted = {name for name, value in grants.items() if value is True}
    assert granted == {"roomJoin", "canPublish", "canSubscribe", "canPublishData"}


def test_the_dispatch_comes_with_it() -> None:
    metadata = {"voice": "tone", "greeting": "Hello."}
    for request in (
        {"agent": metadata},
        {"room_config": {"agents": [{"agent_name": "vdx", "metadata": json.dumps(metadata)}]}},
    ):
        (agent,) = minted(**request)["roomConfig"]["agents"]
        assert agent["agentName"] == "vdx"
        assert json.loads(agent["metadata"]) == metadata


def test_the_job_names_the_key_that_asked_and_no_other() -> None:
    own, other = "a" * 64, "b" * 64
    metadata = json.dumps({"key": other, "voice": "tone"})
    for request in (
        {"agent": {"key": other, "voice": "tone"}},
        {"room_config": {"agents": [{"metadata": metadata}]}},
    ):
        (agent,) = minted(own, **request)["roomConfig"]["agents"]
        assert JobMetadata.read(agent["metadata"]) == JobMetadata(voice="tone", key=own)
        (agent,) = minted(**request)["roomConfig"]["agents"]
        assert JobMetadata.read(agent["metadata"]).key is None


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("mira", "person-mira"),
        ("person-mira", "person-mira"),  # what an earlier token said
        ("agent-AJ_xyz", "person-agent-AJ_xyz"),
        ("person-person-agent-x", "person-person-agent-x"),
        (" agent-x", "person- agent-x"),
    ],
)
def test_nobody_takes_the_identity_of_an_agent(asked: str, granted: str) -> None:
    assert minted(participant_identity=asked)["sub"] == granted


def test_rooms_and_identities_are_random_where_none_is_asked_for() -> None:
    first, second = minted(), minted()
    assert first["sub"] != second["sub"]
    assert first["sub"].startswith("person-")
    assert first["video"]["room"] != second["video"]["room"]


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"room_name": "a\nb"}, "body.room_name"),
        ({"room_name": "x" * 129}, "body.room_name"),
        ({"agent": {"voce": "tone"}}, "body.agent.voce"),
        ({"agent": {"language": "not a tag"}}, "body.agent.language"),
        ({"room_config": {"agents": [{"agent_name": "other"}]}}, "'other'"),
        ({"room_config": {"agents": [{"metadata": "{"}]}}, "not JSON"),
        ({"room_config": {"agents": [{"metadata": "[1]"}]}}, "metadata"),
    ],
)
def test_what_cannot_be_had_is_named(request_: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        minted(**request_)


def test_without_a_server_there_are_no_tokens() -> None:
    with pytest.raises(NoLiveKit, match=r"livekit\.url"):
        mint(LiveKitConfig(), TokenRequest())


def test_no_metadata_changes_nothing() -> None:
    assert JobMetadata.read(" ") == JobMetadata()
    with pytest.raises(InvalidInput, match="more than"):
        JobMetadata.read("{" + " " * 20_000 + "}")
