"""Which models are resident on one Triton and which have to go: decisions, without clock or I/O.

Every call is given the time, seconds of one clock; where that clock goes back, the latest time seen
counts. `busy` are the models that must not be unloaded now: something of them is in flight, or they
are being loaded or unloaded. `serving/manager.py` carries out what is decided here.

A model that was admitted counts until its unload begins. It may be evicted when it is resident, not
busy, not kept, not leased, and not loaded by another client:

- idle longer than `ttl_s` and resident longer than `min_residency_s`;
- for another that is loaded beyond `resident_cap` voices or `memory_limit_mb`, the least recently
  used one first; where that makes no room, the load is refused, unless it is of what is kept.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from vdx.core.errors import LoadRefused
from vdx.serving.eviction import Occupant, evicted_for
from vdx.serving.leases import Leases

Busy = Collection[str]


class Phase(StrEnum):
    """Of a model on its way through memory."""

    WAITING = "waiting"
    LOADING = "loading"
    RESIDENT = "resident"
    UNLOADING = "unloading"


@dataclass(frozen=True, slots=True)
class ResidencyLimits:
    """0 means no limit for `resident_cap` and `memory_limit_mb`; None never evicts idle models."""

    ttl_s: float | None = None
    min_residency_s: float = 0.0
    resident_cap: int = 0
    memory_limit_mb: float = 0.0
    lease_expiry_s: float = 15.0


@dataclass(slots=True)
class Resident:
    """One model; `since` is when its phase began, `last_used` when it was last asked for."""

    name: str
    voice: bool
    phase: Phase
    since: float
    last_used: float
    foreign: bool = False
    """Found loaded, not asked for here: it is not loaded again when it is gone."""
    leaves: bool = False
    """It is unloaded as soon as it is free."""


@dataclass(slots=True)
class Residency:
    """The models of one Triton; the reasons in `kept` say why those are never evicted."""

    limits: ResidencyLimits
    follows_leases: bool = False
    """The models are another manager's to evict: wanted is only what is kept or leased here."""
    kept: Mapping[str, str] = field(default_factory=dict)
    uncapped: set[str] = field(default_factory=set)
    """Versions of an update: beside the other version they do not count for `resident_cap`."""
    _models: dict[str, Resident] = field(default_factory=dict)
    _costs: dict[str, float] = field(default_factory=dict)
    """Megabytes, as measured when a model was first loaded."""
    _begun: set[str] = field(default_factory=set)
    """Begun to be loaded, or leased, here and not unloaded since: one that Triton has although
    nobody waited for it, or although its unload failed, is nobody else's."""
    _now: float = float("-inf")
    _leases: Leases = field(init=False)

    def __post_init__(self) -> None:
        self._leases = Leases(self.limits.lease_expiry_s)

    # --- loading and unloading --------------------------------------------------------------

    def admit(self, name: str, *, voice: bool, now: float, busy: Busy = ()) -> tuple[str, ...]:
        """Lets a model be loaded; returns those to unload before, whose unloading has begun.

        Where it was admitted before, the requests are one.

        Raises:
            LoadRefused: there is no room, and nothing can go; the message has the figures.
        """
        self._advance(now)
        known = self._models.get(name)
        if known is not None and known.phase is not Phase.UNLOADING:
            known.last_used, known.foreign, known.leaves = self._now, False, False
            return ()
        new = Resident(name, voice, Phase.WAITING, self._now, self._now)
        going = self._evicted_for(new, busy)
        self._models[name] = new
        return self._begin_unloads(going)

    def begin_load(self, name: str, now: float) -> None:
        """Its turn has come: no more than `max_parallel_loads` are loaded at once."""
        self._enter(name, Phase.LOADING, now)
        self._begun.add(name)

    def loaded(
        self, name: str, *, voice: bool, memory_mb: float | None, now: float, busy: Busy = ()
    ) -> tuple[str, ...]:
        """It is resident; returns those to unload, now that its kind and its cost are known.

        Raises:
            LoadRefused: it takes more room than there is; its own unloading has begun.
        """
        self._enter(name, Phase.RESIDENT, now)
        self._begun.add(name)
        model = self._models[name]
        model.voice, model.last_used = voice, self._now
        if memory_mb is not None:
            self._costs.setdefault(name, memory_mb)
        try:
            return self._begin_unloads(self._evicted_for(model, busy))
        except LoadRefused:
            if self._leases.count(name):
                return ()
            self._begin_unloads((name,))
            raise

    def load_failed(self, name: str) -> None:
        """It was not loaded, or nobody waits for it any more."""
        self._models.pop(name, None)

    def begin_unload(self, name: str, now: float) -> None:
        """It is unloaded because somebody asked for that, whoever uses it."""
        if (model := self._models.get(name)) is not None and model.phase is Phase.RESIDENT:
            self._enter(name, Phase.UNLOADING, now)

    def unload_when_free(self, name: str) -> bool:
        """Lets it go at the next `evict_idle` that finds it free; False if it is not resident."""
        model = self._models.get(name)
        if model is None:
            return False
        model.leaves = True
        return True

    def stays(self, name: str) -> None:
        """Somebody asked for it again: it does not go when it is free."""
        if (model := self._models.get(name)) is not None:
            model.leaves = False

    def unloaded(self, name: str, *, gone: bool = True) -> None:
        """Its unload is over; one that was admitted again meanwhile stays.

        One that is not `gone`, because its unload failed or was given up, is found by `reconcile`.
        """
        if gone:
            self._begun.discard(name)
            self.uncapped.discard(name)
        if name in self._models and self._models[name].phase is Phase.UNLOADING:
            del self._models[name]

    def evict_idle(self, now: float, busy: Busy = ()) -> dict[str, str]:
        """Begins to unload what is idle for too long, and what is to go when free.

        Returns each with the cause, `ttl` or `asked`. What is kept goes only where it was asked.
        """
        self._advance(now)
        going: dict[str, str] = {}
        for model in self._models.values():
            if model.leaves and self._is_unused(model, busy):
                going[model.name] = "asked"
            elif self._is_evictable(model, busy) and self._is_idle(model):
                going[model.name] = "ttl"
        self._begin_unloads(going)
        return going

    def reconcile(self, ready: Mapping[str, bool], now: float) -> None:
        """Compares with what the server has: each model that is ready there -> is it a voice.

        What is ready there and does not count here counts until it is gone. One that another client
        loaded is not evicted: what that client does with it is not known here.
        """
        self._advance(now)
        for name in [each.name for each in self._models.values() if each.foreign]:
            if name not in ready:
                del self._models[name]
        for name, voice in ready.items():
            if name not in self._models:
                model = Resident(name, voice, Phase.RESIDENT, self._now, self._now, foreign=True)
                self._models[name] = model

    @property
    def begun(self) -> frozenset[str]:
        """What was loaded or leased here and not unloaded since."""
        return frozenset(self._begun)

    def take_over(self, names: Collection[str]) -> None:
        """What an earlier manager loaded is no other client's: it goes when it is idle."""
        self._begun.update(names)

    # --- use --------------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Ends the leases that were not renewed in time."""
        self._advance(now)

    @property
    def next_lease_end(self) -> float:
        """No lease ends before; infinite where there is none."""
        return self._leases.next_end

    def use(self, name: str, now: float) -> None:
        """Notes that a model was asked for."""
        self._advance(now)
        self._touch(name)

    def lease(self, session: str, model: str, now: float) -> None:
        """Holds a model for a session, loaded or not, until it is released or not renewed.

        From then on it is no other client's: an earlier manager may have loaded it.
        """
        self._advance(now)
        self._begun.add(model)
        self._leases.lease(session, model, self._now)
        self._touch(model)

    def renew(self, session: str, now: float) -> int:
        """Renews the leases of a session; how many it holds: where some have expired, fewer."""
        self._advance(now)
        return self._leases.renew(session, self._now)

    def release(self, session: str, model: str, now: float) -> bool:
        """Ends a lease and notes the time; False where there is none."""
        self._advance(now)
        if found := self._leases.release(session, model):
            self._touch(model)
        return found

    def release_all(self, session: str, now: float) -> frozenset[str]:
        """Ends every lease of a session; the models that it held."""
        held = self._leases.models_of(session)
        for model in held:
            self.release(session, model, now)
        return held

    # --- what there is ----------------------------------------------------------------------

    @property
    def wanted(self) -> frozenset[str]:
        """What is to stay loaded: loaded again when its process or the server ended."""
        resident = (each for each in self._models.values() if each.phase is Phase.RESIDENT)
        owned = (each.name for each in resident if not each.foreign)
        if self.follows_leases:
            owned = (name for name in owned if name in self.kept or self._leases.count(name))
        return frozenset(owned)

    @property
    def models(self) -> tuple[Resident, ...]:
        """Every model that was admitted."""
        return tuple(self._models.values())

    def get(self, name: str) -> Resident | None:
        return self._models.get(name)

    def leases(self, name: str) -> frozenset[str]:
        """The sessions that lease a model."""
        return self._leases.sessions_of(name)

    def lease_count(self, name: str) -> int:
        """How many sessions lease a model."""
        return self._leases.count(name)

    def all_leases(self) -> set[tuple[str, str]]:
        """Session and model of every lease."""
        return self._leases.all()

    def memory_mb(self, name: str) -> float | None:
        """What a model was measured to cost when it was first loaded."""
        return self._costs.get(name)

    def why(self, name: str) -> str:
        """Why a resident model is there, or what keeps it."""
        if reason := self.kept.get(name):
            return reason
        if count := self._leases.count(name):
            return f"leased by {count} session{'s' if count > 1 else ''}"
        model = self._models.get(name)
        if model is None:
            return ""
        if model.leaves:
            return "unloaded when free"
        return "loaded by another client" if self._is_anothers(model) else "not used"

    # --- rules ------------------------------------------------------------------------------

    def _advance(self, now: float) -> None:
        self._now = max(self._now, now)
        for name, ended in self._leases.expire(self._now).items():
            if (model := self._models.get(name)) is not None:
                model.last_used = max(model.last_used, ended)

    def _touch(self, name: str) -> None:
        if (model := self._models.get(name)) is not None:
            model.last_used = self._now

    def _enter(self, name: str, phase: Phase, now: float) -> None:
        self._advance(now)
        model = self._models[name]
        model.phase, model.since = phase, self._now

    def _begin_unloads(self, names: Collection[str]) -> tuple[str, ...]:
        for name in names:
            self._enter(name, Phase.UNLOADING, self._now)
        return tuple(names)

    def _is_unused(self, model: Resident, busy: Busy) -> bool:
        leased = self._leases.count(model.name) > 0
        return model.phase is Phase.RESIDENT and not leased and model.name not in busy

    def _is_anothers(self, model: Resident) -> bool:
        return model.foreign and model.name not in self._begun

    def _is_evictable(self, model: Resident, busy: Busy) -> bool:
        held = self._is_anothers(model) or model.name in self.kept
        return not held and self._is_unused(model, busy)

    def _is_idle(self, model: Resident) -> bool:
        limits = self.limits
        if limits.ttl_s is None or self._now - model.last_used <= limits.ttl_s:
            return False
        return self._now - model.since > limits.min_residency_s

    def _evicted_for(self, new: Resident, busy: Busy) -> list[str]:
        """What has to go for `new`; raises LoadRefused."""
        others = (each for each in self._models.values() if each.name != new.name)
        counted = [each for each in others if each.phase is not Phase.UNLOADING]
        return evicted_for(
            self._occupant(new, self.kept.get(new.name, "")),
            [self._occupant(each, self._held(each, busy)) for each in counted],
            self.limits.resident_cap,
            self.limits.memory_limit_mb,
        )

    def _occupant(self, model: Resident, held: str) -> Occupant:
        cost = self._costs.get(model.name, 0.0)
        counts = model.voice and model.name not in self.uncapped
        return Occupant(model.name, counts, cost, model.last_used, held)

    def _held(self, model: Resident, busy: Busy) -> str:
        """What keeps a model from being evicted; empty: nothing."""
        if self._is_evictable(model, busy):
            return ""
        held = self._is_anothers(model) or model.name in self.kept
        if held or self._leases.count(model.name):
            return self.why(model.name)
        return "in use" if model.phase is Phase.RESIDENT else str(model.phase)
