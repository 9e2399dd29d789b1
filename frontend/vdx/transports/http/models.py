"""`GET /v1/models`: profiles, voices and recognisers, in OpenAI's shape."""

import time
from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, Field

from vdx.app import Application
from vdx.core.errors import UnknownName
from vdx.dialog.profiles import DEFAULT_PROFILE
from vdx.serving.model_status import ModelStatus
from vdx.serving.models import KIND_NAMES
from vdx.transports.http.operation import AnyKeyOperation, Host, operations, refusals
from vdx.transports.openai_names import is_openai_model

STARTED = int(time.time())

api = operations(tag="OpenAI", kind=AnyKeyOperation)


class ModelDetails(BaseModel):
    """What vdx says beyond OpenAI's shape."""

    kind: Literal[
        "profile", "voice", "recogniser", "endpointer", "speaker model", "alias", "unknown"
    ]
    state: str | None = Field(None, description="READY, LOADING, UNLOADING or UNAVAILABLE")
    family: str | None = None
    languages: list[str] | None = None
    sample_rate: int | None = None
    capabilities: list[str] | None = None
    voice: str | None = Field(None, description="of a profile")
    recogniser: str | None = Field(None, description="of a profile")


class Model(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="when this server started, Unix seconds")
    owned_by: str = "vdx"
    vdx: ModelDetails


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[Model]


@api.get("/v1/models", responses=refusals(503), response_model_exclude_none=True)
async def list_models(host: Host) -> ModelList:
    """What `model` and `voice` may name."""
    return ModelList(data=await _all(host))


@api.get("/v1/models/{name:path}", responses=refusals(404, 503), response_model_exclude_none=True)
async def retrieve_model(
    host: Host, name: Annotated[str, Path(json_schema_extra={"minLength": 1})]
) -> Model:
    """One of them; OpenAI's own names are found too, though not listed."""
    for entry in await _all(host):
        if entry.id == name:
            return entry
    if is_openai_model(name):
        return _profile(host, "", name, "alias")
    raise UnknownName(f"there is no model {name!r}; GET /v1/models lists them", param="model")


async def _all(host: Application) -> list[Model]:
    profiles = dict.fromkeys((DEFAULT_PROFILE, *host.config.profiles))
    found = [_profile(host, name, name, "profile") for name in profiles]
    found += [_served(status) for status in await host.served.statuses()]
    return found


def _profile(host: Application, profile: str, name: str, kind: str) -> Model:
    options = host.profiles.options(profile)
    details = ModelDetails.model_validate(
        {"kind": kind, "voice": options.voice, "recogniser": options.recogniser or None}
    )
    return Model(id=name, created=STARTED, vdx=details)


def _served(status: ModelStatus) -> Model:
    info = status.info
    if info is None:  # never loaded, and its files are not here
        details = ModelDetails(kind="unknown", state=status.state)
    else:
        details = ModelDetails.model_validate(
            {
                "kind": KIND_NAMES[info.kind],
                "state": status.state,
                "family": info.family,
                "languages": list(info.languages),
                "sample_rate": info.sample_rate,
                "capabilities": sorted(info.capabilities),
            }
        )
    return Model(id=status.name, created=STARTED, vdx=details)
