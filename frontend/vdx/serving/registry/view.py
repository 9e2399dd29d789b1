"""The servers as they were last announced, indexed for routing. No clock and no I/O."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from vdx.serving.models import ModelKind
from vdx.serving.registry.entry import Capabilities, ServerEntry

NOTICED_MS = 25.0
"""Of two first audios closer than this nobody hears which is later: fewer leases decide."""
FLAGS = tuple(name for name, field in Capabilities.model_fields.items() if field.annotation is bool)


@dataclass(frozen=True, slots=True)
class Offer:
    """A model on a server, with what routing compares; times in milliseconds, rates in Hz."""

    server: str
    model: str
    kind: ModelKind
    resident: bool
    unloaded: bool
    """By request."""
    draining: bool
    languages: tuple[str, ...]
    capabilities: frozenset[str]
    sample_rates: tuple[int, ...]
    queue_depth: int
    first_audio_ms: float | None
    server_leases: int
    """Of all models of the server."""

    @property
    def rank(self) -> tuple[int, float, int, str, str]:
        """The smallest is the best; one that was never measured is tried before the others."""
        first = -1.0 if self.first_audio_ms is None else self.first_audio_ms // NOTICED_MS
        return (self.queue_depth, first, self.server_leases, self.server, self.model)


def _offers(server: ServerEntry) -> Iterator[Offer]:
    leases = sum(entry.metrics.leases for entry in server.models.values())
    for name, entry in server.models.items():
        can = entry.capabilities
        yield Offer(
            server=server.name,
            model=name,
            kind=entry.kind,
            resident=entry.state == "resident",
            unloaded=entry.unloaded,
            draining=server.draining,
            languages=can.languages,
            capabilities=_flags(can),
            sample_rates=can.sample_rates,
            queue_depth=entry.metrics.queue_depth,
            first_audio_ms=entry.metrics.p50_first_audio_ms,
            server_leases=leases,
        )


@lru_cache(maxsize=1024)
def _flags(can: Capabilities) -> frozenset[str]:
    return frozenset(each for each in FLAGS if getattr(can, each))


@dataclass(slots=True)
class View:
    """The servers by name, and their models indexed, so that a route needs no search."""

    servers: dict[str, ServerEntry] = field(default_factory=dict)
    _by_model: dict[str, dict[str, Offer]] = field(default_factory=dict)
    """Model -> server -> offer."""
    _resident: dict[ModelKind, dict[tuple[str, str], Offer]] = field(default_factory=dict)
    """Kind -> (server, model) -> offer."""
    _ranked: dict[ModelKind, list[Offer]] = field(default_factory=dict)
    """Kind -> its loaded models, the best first; made when asked for."""

    @classmethod
    def of(cls, servers: Iterable[ServerEntry]) -> "View":
        """The last entry of a name counts."""
        view = cls()
        for server in servers:
            view.put(server)
        return view

    def put(self, server: ServerEntry) -> None:
        """Takes a server, or what has changed of it."""
        if self.servers.get(server.name) == server:
            return
        self.drop(server.name)
        self._ranked.clear()
        self.servers[server.name] = server
        for offer in _offers(server):
            self._by_model.setdefault(offer.model, {})[offer.server] = offer
            if offer.resident:
                self._resident.setdefault(offer.kind, {})[offer.server, offer.model] = offer

    def drop(self, name: str) -> None:
        """Forgets a server."""
        if (server := self.servers.pop(name, None)) is None:
            return
        self._ranked.clear()
        for model, entry in server.models.items():
            del self._by_model[model][name]
            if not self._by_model[model]:
                del self._by_model[model]
            if entry.state == "resident":
                del self._resident[entry.kind][name, model]

    def model(self, name: str) -> Collection[Offer]:
        """A model on every server that has it, loaded or not."""
        return self._by_model.get(name, {}).values()

    def offer(self, server: str, model: str) -> Offer | None:
        """A model on a server, loaded or not."""
        return self._by_model.get(model, {}).get(server)

    def ranked(self, kind: ModelKind) -> Sequence[Offer]:
        """Every loaded model of a kind, the best first."""
        if kind not in self._ranked:
            offers = self._resident.get(kind, {}).values()
            self._ranked[kind] = sorted(offers, key=lambda offer: offer.rank)
        return self._ranked[kind]
