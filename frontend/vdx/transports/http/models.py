"""`GET /v1/models`: profiles, voices and recognisers, in OpenAI's shape."""

import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vdx.app import Application
from vdx.core.errors import UnknownName
from vdx.dialog.profiles import DEFAULT_PROFILE
from vdx.serving.manager import ModelStatus
from vdx.serving.models import KIND_NAMES
from vdx.transports.http.schema import Model, ModelDetails, ModelList
from vdx.transports.openai_names import is_openai_model

STARTED = int(time.time())


async def models(request: Request) -> Response:
    """Everything that `model` and `voice` may name."""
    return _json(ModelList(data=await _all(request.app.state.host)))


async def model(request: Request) -> Response:
    """One of them; OpenAI's own names are found too, though not listed."""
    host: Application = request.app.state.host
    name = request.path_params["name"]
    for entry in await _all(host):
        if entry.id == name:
            return _json(entry)
    if is_openai_model(name):
        return _json(_profile(host, "", name, "alias"))
    raise UnknownName(f"there is no model {name!r}; GET /v1/models lists them", param="model")


async def _all(host: Application) -> list[Model]:
    profiles = dict.fromkeys((DEFAULT_PROFILE, *host.config.profiles))
    found = [_profile(host, name, name, "profile") for name in profiles]
    found += [_served(status) for status in await host.manager.statuses()]
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


def _json(content: Model | ModelList) -> JSONResponse:
    return JSONResponse(content.model_dump(mode="json", exclude_none=True))
