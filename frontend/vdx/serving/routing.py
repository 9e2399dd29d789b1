"""Which model on which server a session uses: a pure function of what it asks for and the view.

1. What cannot serve the request is left out: kind, language, capabilities, sample rate, a server
   that drains or that the session has seen fail.
2. Resident models come before those that would have to be loaded.
3. Of those the shortest queue, then the best median time to the first audio (in steps of 25 ms,
   which nobody hears; one that was never measured is tried first), then the fewest leases, then
   the name.
4. A wanted model that is resident nowhere is loaded in the background, on the server with the
   fewest leases, unless it was unloaded by request; the fallback answers meanwhile.

A session stays where it is as long as that is possible and not overloaded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from vdx.core.language_tags import serves
from vdx.serving.models import KIND_NAMES, ModelKind
from vdx.serving.registry.view import Offer, View

OVERLOADED = 16
"""Requests in flight to a model at which a session moves to another server that has less."""


MOST_TOLD = 20
"""Reasons why models were left out, of a request that any model could serve."""


@dataclass(frozen=True, slots=True)
class RouteRequest:
    """What a session needs; without a `model` any of the kind that fits.

    `language` is a BCP-47 tag, `sample_rate` in Hz; empty and 0: any. `fallback` answers while
    `model` is loaded. `now` is the server and model in use, `failed` the servers that erred, and
    `failed_models` the models that did on a server, each after the server. `here` is what the
    caller has on a server itself, which is not announced at once, or not at all: requests in
    flight to `model`, and leases.
    """

    kind: ModelKind
    model: str = ""
    language: str = ""
    capabilities: frozenset[str] = frozenset()
    sample_rate: int = 0
    fallback: str = ""
    now: tuple[str, str] = ("", "")
    failed: frozenset[str] = frozenset()
    failed_models: frozenset[tuple[str, str]] = frozenset()
    here: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """Server and model, both empty where nothing can serve the request.

    `load` is a server and the wanted model that it is to load in the background; `reasons` say in
    order what decided.
    """

    server: str = ""
    model: str = ""
    load: tuple[str, str] | None = None
    reasons: tuple[str, ...] = field(default=())
    overloaded: bool = False
    """Even the best server has OVERLOADED requests in flight to the model."""

    @property
    def found(self) -> bool:
        return bool(self.server)


def route(request: RouteRequest, view: View) -> Choice:
    """The choice for a request; of servers as they were last announced."""
    reasons: list[str] = []
    offers = view.model(request.model) if request.model else ()
    ready = _fitting(request, (offer for offer in offers if offer.resident), reasons)
    if not request.model:
        ready = _first_fitting(request, view, reasons)
    if ready:
        return _chosen(request, ready, reasons)
    named = _fitting(request, (offer for offer in offers if not offer.resident), reasons)
    load = None
    if any(offer.unloaded for offer in offers):
        reasons.append(f"{request.model} was unloaded by request")
    elif named:
        best = min(named, key=lambda offer: (offer.server_leases, offer.server))
        load = (best.server, best.model)
        reasons.append(f"{request.model} is resident nowhere: {best.server} loads it")
    elif request.model and not view.model(request.model):
        reasons.append(f"no server has {request.model}")
    instead = _fitting(request, view.model(request.fallback), reasons) if request.fallback else []
    instead = [offer for offer in instead if offer.resident]
    if instead:
        reasons.append(f"{request.fallback} is the fallback")
        chosen = _chosen(request, instead, reasons)
        return replace(chosen, load=load)
    reasons.append(f"no {KIND_NAMES[request.kind]} that fits is resident")
    return Choice(load=load, reasons=tuple(reasons))


def _fitting(request: RouteRequest, offers: Iterable[Offer], reasons: list[str]) -> list[Offer]:
    """Those that can serve a request; tells of each other one why not."""
    found = []
    for offer in offers:
        if unfit := _unfit(request, offer):
            reasons.append(f"not {offer.model} on {offer.server}: {unfit}")
        else:
            found.append(_counted(request, offer))
    return found


def _counted(request: RouteRequest, offer: Offer) -> Offer:
    """An offer with what the caller has there itself."""
    if offer.server not in request.here:
        return offer
    queue, leases = request.here[offer.server]
    return replace(
        offer,
        queue_depth=max(offer.queue_depth, queue if offer.model == request.model else 0),
        server_leases=max(offer.server_leases, leases),
    )


def _first_fitting(request: RouteRequest, view: View, reasons: list[str]) -> list[Offer]:
    """The best of all loaded models that fit, and the one that the session uses now."""
    now = view.offer(*request.now)
    found = [now] if now is not None and now.resident and not _unfit(request, now) else []
    for offer in view.ranked(request.kind):
        if not (unfit := _unfit(request, offer)):
            return [*found, offer]
        if len(reasons) < MOST_TOLD:
            reasons.append(f"not {offer.model} on {offer.server}: {unfit}")
    return found


def _unfit(request: RouteRequest, offer: Offer) -> str:
    if offer.kind != request.kind:
        return f"it is no {KIND_NAMES[request.kind]}"
    if offer.draining:
        return "the server drains"
    if offer.server in request.failed or (offer.server, offer.model) in request.failed_models:
        return "it failed in this session"
    if request.language and not _serves(offer.languages, request.language):
        return f"it has no {request.language}"
    if missing := request.capabilities - offer.capabilities:
        return f"it lacks {', '.join(sorted(missing))}"
    if request.sample_rate and offer.sample_rates and request.sample_rate not in offer.sample_rates:
        return f"it has no {request.sample_rate} Hz"
    return ""


@lru_cache(maxsize=4096)
def _serves(languages: tuple[str, ...], wanted: str) -> bool:
    return serves(languages, wanted)


def _chosen(request: RouteRequest, offers: list[Offer], reasons: list[str]) -> Choice:
    for offer in offers:
        if (offer.server, offer.model) == request.now:
            if offer.queue_depth < OVERLOADED:
                reasons.append("the session stays where it is")
                return Choice(offer.server, offer.model, None, tuple(reasons))
            reasons.append(f"{offer.server} is overloaded")
    best = min(offers, key=lambda offer: offer.rank)
    told = [f"{best.model} on {best.server}: resident, {best.queue_depth} in flight"]
    if best.first_audio_ms is not None:
        told.append(f"first audio {best.first_audio_ms:.0f} ms")
    if len(offers) > 1:
        told.append(f"the best of {len(offers)}")
    reasons.append(", ".join(told))
    full = best.queue_depth >= OVERLOADED
    return Choice(best.server, best.model, None, tuple(reasons), full)
