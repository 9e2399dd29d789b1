"""Which models stay and which go, decided without a clock: examples, then random operations."""

from dataclasses import dataclass, field

import pytest
from hypothesis import Phase as Stage
from hypothesis import given, settings
from hypothesis import strategies as st

from vdx.core.errors import LoadRefused
from vdx.serving.residency import Phase, Residency, ResidencyLimits

LIMITS = ResidencyLimits(ttl_s=600, min_residency_s=120, resident_cap=3, lease_expiry_s=15)


def resident(*voices: str, limits: ResidencyLimits = LIMITS, **costs: float) -> Residency:
    """The voices loaded one after the other, a second apart, from second 0 on."""
    policy = Residency(limits)
    for at, name in enumerate(voices):
        policy.admit(name, voice=True, now=at)
        policy.loaded(name, voice=True, memory_mb=costs.get(name), now=at)
    return policy


def test_the_least_recently_used_voice_goes_for_another() -> None:
    policy = resident("a", "b", "c")
    policy.use("a", 10)
    assert policy.admit("d", voice=True, now=11) == ("b",)
    assert {each.name for each in policy.models if each.phase is Phase.UNLOADING} == {"b"}
    assert policy.admit("e", voice=True, now=12, busy=("c",)) == ("a",)


def test_a_recogniser_needs_no_place_among_the_voices() -> None:
    policy = resident("a", "b", "c")
    assert policy.admit("whisper", voice=False, now=5) == ()


def test_a_load_is_refused_with_what_holds_the_others() -> None:
    policy = resident("a", "b", "c")
    policy.kept = {"a": "the default voice"}
    policy.lease("s1", "b", 5)
    policy.lease("s2", "b", 5)
    with pytest.raises(LoadRefused) as refused:
        policy.admit("d", voice=True, now=6, busy=("c",))
    assert refused.value.message == (
        "d: no voice can go for it, and model_manager.resident_cap is 3: "
        "a (the default voice), b (leased by 2 sessions), c (in use)"
    )
    assert refused.value.retryable
    assert policy.get("d") is None
    policy.kept = {**policy.kept, "d": "profile x"}
    assert policy.admit("d", voice=True, now=6, busy=("c",)) == (), "what is kept is never refused"


def test_an_idle_model_goes_after_its_time_and_not_before() -> None:
    policy = resident("a")
    assert policy.evict_idle(600) == {}
    policy.lease("s", "a", 601)
    policy.release("s", "a", 610)
    assert policy.evict_idle(1210) == {}
    assert policy.evict_idle(1211, busy=("a",)) == {}
    assert policy.evict_idle(1211) == {"a": "ttl"}
    assert policy.evict_idle(1212) == {}, "once"


def test_a_model_that_was_just_loaded_stays_for_the_minimum() -> None:
    policy = resident("a", limits=ResidencyLimits(ttl_s=0, min_residency_s=120))
    assert policy.evict_idle(120) == {}
    assert policy.evict_idle(121) == {"a": "ttl"}


def test_leases_that_are_not_renewed_end() -> None:
    policy = resident("a", limits=ResidencyLimits(ttl_s=0, lease_expiry_s=15))
    for session in range(100):
        policy.lease(f"s{session}", "a", 10)
    assert policy.renew("s1", 20)
    assert policy.evict_idle(25) == {}
    assert policy.leases("a") == {"s1"}
    assert policy.evict_idle(36) == {"a": "ttl"}
    assert not policy.renew("s1", 36)
    assert not policy.release("s1", "a", 36)


def test_a_clock_that_jumps_back_ends_nothing_early_and_keeps_nothing_longer() -> None:
    policy = resident("a")
    policy.lease("s", "a", 1000)
    assert policy.renew("s", -5000)
    assert policy.leases("a") == {"s"}
    assert policy.evict_idle(1014.9) == {}
    assert policy.evict_idle(1616) == {"a": "ttl"}


def test_one_asked_to_go_when_free_goes_when_its_last_session_left() -> None:
    policy = resident("a")
    policy.kept = {"a": "the default voice"}
    policy.lease("s", "a", 5)
    assert policy.unload_when_free("a")
    assert not policy.unload_when_free("b")
    assert policy.evict_idle(6) == {}
    assert policy.why("a") == "the default voice"
    policy.release("s", "a", 7)
    assert policy.evict_idle(8) == {"a": "asked"}


def test_a_model_that_is_loaded_again_while_it_is_unloaded_stays() -> None:
    policy = resident("a", "b", "c")
    policy.begin_unload("a", 5)
    assert policy.wanted == {"b", "c"}
    assert policy.admit("a", voice=True, now=6) == ()
    policy.unloaded("a")
    assert policy.get("a") is not None


def test_memory_counts_what_was_measured_at_the_first_load() -> None:
    limits = ResidencyLimits(memory_limit_mb=1000)
    policy = resident("a", "b", limits=limits, a=400, b=500)
    policy.admit("c", voice=True, now=5)
    assert policy.loaded("c", voice=True, memory_mb=300, now=6) == ("a",)
    policy.unloaded("a")
    policy.lease("s", "b", 7)
    policy.lease("s", "c", 7)
    with pytest.raises(LoadRefused) as refused:
        policy.admit("a", voice=True, now=8)
    assert refused.value.message == (
        "a takes 400 MB, 800 MB are taken, and model_manager.memory_limit_mb is 1000: "
        "b (leased by 1 session), c (leased by 1 session)"
    )


def test_a_model_that_turns_out_too_large_is_the_one_to_go() -> None:
    limits = ResidencyLimits(memory_limit_mb=1000)
    policy = resident("a", limits=limits, a=400)
    policy.admit("huge", voice=False, now=5)
    with pytest.raises(LoadRefused, match="huge takes 1200 MB, 400 MB are taken"):
        policy.loaded("huge", voice=False, memory_mb=1200, now=6)
    assert policy.wanted == {"a"}


def test_what_another_client_loaded_counts_and_is_forgotten_when_it_is_gone() -> None:
    policy = resident("a")
    policy.reconcile({"a": True, "b": True}, 5)
    assert policy.wanted == {"a"}
    assert policy.why("b") == "loaded by another client"
    policy.reconcile({"b": True}, 6)
    assert policy.wanted == {"a"}, "what is wanted is loaded again"
    policy.reconcile({}, 7)
    assert policy.get("b") is None
    policy.reconcile({"b": True}, 8)
    policy.admit("b", voice=True, now=9)
    assert policy.wanted == {"a", "b"}


# --- random operations against a simple model -----------------------------------------------

VOICES = ("a", "b", "c", "d", "e")
MODELS = (*VOICES, "whisper")
COSTS = {"a": 100.0, "b": 200.0, "c": 300.0, "d": 400.0, "e": 900.0, "whisper": 500.0}
SMALL = ResidencyLimits(30, 50, resident_cap=3, memory_limit_mb=1000, lease_expiry_s=15)
STEPS = 100


@dataclass
class Simple:
    """The same rules by exhaustive comparison, with no index and no order of its own."""

    kept: set[str] = field(default_factory=set)
    phase: dict[str, str] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)
    used: dict[str, float] = field(default_factory=dict)
    measured: set[str] = field(default_factory=set)
    leases: dict[tuple[str, str], float] = field(default_factory=dict)
    leaves: set[str] = field(default_factory=set)

    def expire(self, now: float) -> None:
        for (session, model), until in list(self.leases.items()):
            if until <= now:
                del self.leases[session, model]
                self.used[model] = max(self.used.get(model, 0), until)

    def leased(self, model: str) -> bool:
        return any(held == model for _, held in self.leases)

    def unused(self, model: str, busy: str) -> bool:
        return self.phase.get(model) == "resident" and not self.leased(model) and model != busy

    def counted(self) -> set[str]:
        return {name for name, phase in self.phase.items() if phase != "unloading"}

    def cost(self, models: set[str]) -> float:
        return sum(COSTS[name] for name in models & self.measured)

    def fits(self, models: set[str], new: str) -> bool:
        few = new not in VOICES or len(models & set(VOICES)) <= SMALL.resident_cap
        return few and self.cost(models) <= SMALL.memory_limit_mb


OPERATIONS = (
    "request",
    "request",
    "loaded",
    "loaded",
    "failed",
    "lease",
    "lease",
    "renew",
    "release",
    "unload",
    "unloaded",
    "when free",
    "evict",
    "keep",
)
CHOICES = (OPERATIONS, MODELS, ("s1", "s2"), ("", *MODELS), (0, 1, 7, 40))
"""Of a step: what is done, to which model, by which session, what is busy, seconds before it."""


class Pair:
    """The policy and the simple model, given the same operations."""

    def __init__(self) -> None:
        self.policy = Residency(SMALL)
        self.simple = Simple()
        self.now = 0.0

    def do(self, operation: str, model: str, session: str, busy: str, wait: float) -> None:
        self.now += wait
        self.simple.expire(self.now)
        self.policy.use("no model", self.now)  # which ends the same leases in the policy
        getattr(self, operation.replace(" ", "_"))(model, session, busy)
        self.agree()

    def request(self, model: str, _session: str, busy: str) -> None:
        simple, known = self.simple, self.simple.phase.get(model)
        before = simple.counted() - {model}
        try:
            gone = self.policy.admit(model, voice=model in VOICES, now=self.now, busy=(busy,))
        except LoadRefused:
            assert known in (None, "unloading")
            assert model not in simple.kept
            free = {name for name in before if self.can_go(name, busy)}
            assert not simple.fits((before - free) | {model}, model), "there was room"
            return
        if known in (None, "unloading"):
            self.went(gone, before | {model}, model, busy)
            simple.phase[model], simple.since[model] = "waiting", self.now
        else:
            assert gone == ()
        simple.leaves.discard(model)
        simple.used[model] = self.now

    def loaded(self, model: str, _session: str, busy: str) -> None:
        simple = self.simple
        if simple.phase.get(model) != "waiting":
            return
        self.policy.begin_load(model, self.now)
        simple.measured.add(model)
        simple.phase[model], simple.since[model] = "resident", self.now
        simple.used[model] = self.now
        counted = simple.counted()
        try:
            gone = self.policy.loaded(
                model,
                voice=model in VOICES,
                memory_mb=COSTS[model],
                now=self.now,
                busy=(busy,),
            )
        except LoadRefused:
            assert not simple.leased(model)
            assert model not in simple.kept
            simple.phase[model], simple.since[model] = "unloading", self.now
            return
        self.went(gone, counted, model, busy)

    def can_go(self, name: str, busy: str) -> bool:
        return self.simple.unused(name, busy) and name not in self.simple.kept

    def went(self, gone: tuple[str, ...], counted: set[str], new: str, busy: str) -> None:
        """Nothing that is held went, no more than had to, and the least recently used first."""
        simple = self.simple
        assert all(self.can_go(name, busy) for name in gone)
        if not simple.leased(new) and new not in simple.kept:
            assert simple.fits(counted - set(gone), new)
        small = simple.cost(counted) <= SMALL.memory_limit_mb
        few = new not in VOICES or len(counted & set(VOICES)) <= SMALL.resident_cap
        assert not few or set(gone) <= simple.measured, "one that frees no memory went for memory"
        stay = {name for name in counted - set(gone) - {new} if self.can_go(name, busy)}
        for name in gone:
            assert not small or name in VOICES
            if small:
                assert not [o for o in stay & set(VOICES) if simple.used[o] < simple.used[name]]
        for name in gone:
            simple.phase[name], simple.since[name] = "unloading", self.now
        if gone:
            assert not simple.fits(counted, new)

    def failed(self, model: str, _session: str, _busy: str) -> None:
        if self.simple.phase.get(model) == "waiting":
            self.policy.load_failed(model)
            del self.simple.phase[model]

    def lease(self, model: str, session: str, _busy: str) -> None:
        self.policy.lease(session, model, self.now)
        self.simple.leases[session, model] = self.now + SMALL.lease_expiry_s
        self.simple.used[model] = self.now

    def renew(self, _model: str, session: str, _busy: str) -> None:
        held = [lease for lease in self.simple.leases if lease[0] == session]
        assert self.policy.renew(session, self.now) == len(held)
        self.simple.leases.update(dict.fromkeys(held, self.now + SMALL.lease_expiry_s))

    def release(self, model: str, session: str, _busy: str) -> None:
        held = self.simple.leases.pop((session, model), None)
        assert self.policy.release(session, model, self.now) is (held is not None)
        if held is not None:
            self.simple.used[model] = self.now

    def unload(self, model: str, _session: str, _busy: str) -> None:
        if self.simple.phase.get(model) == "resident":
            self.policy.begin_unload(model, self.now)
            self.simple.phase[model] = "unloading"

    def unloaded(self, model: str, _session: str, _busy: str) -> None:
        self.policy.unloaded(model)
        if self.simple.phase.get(model) == "unloading":
            del self.simple.phase[model]
            self.simple.leaves.discard(model)

    def when_free(self, model: str, _session: str, _busy: str) -> None:
        known = self.simple.phase.get(model) is not None
        assert self.policy.unload_when_free(model) is known
        if known:
            self.simple.leaves.add(model)

    def evict(self, _model: str, _session: str, busy: str) -> None:
        simple = self.simple
        expected = {}
        for name in simple.phase:
            idle = self.now - simple.used.get(name, 0) > (SMALL.ttl_s or 0)
            long = self.now - simple.since[name] > SMALL.min_residency_s
            if simple.unused(name, busy) and name in simple.leaves:
                expected[name] = "asked"
            elif simple.unused(name, busy) and name not in simple.kept and idle and long:
                expected[name] = "ttl"
        assert self.policy.evict_idle(self.now, busy=(busy,)) == expected
        simple.phase.update(dict.fromkeys(expected, "unloading"))

    def keep(self, model: str, session: str, _busy: str) -> None:
        self.simple.kept = {model} if session == "s1" else set()
        self.policy.kept = dict.fromkeys(self.simple.kept, "the default voice")

    def agree(self) -> None:
        policy, simple = self.policy, self.simple
        phases = {each.name: str(each.phase) for each in policy.models}
        assert phases == simple.phase
        for model in MODELS:
            held = {session for session, name in simple.leases if name == model}
            assert policy.leases(model) == held
        resident = {name for name, phase in simple.phase.items() if phase == "resident"}
        assert policy.wanted == resident


@settings(
    max_examples=100,
    deadline=None,
    phases=(Stage.generate,),  # to make the shortest list of steps would take minutes
)
@given(st.binary(min_size=STEPS * len(CHOICES), max_size=STEPS * len(CHOICES)))
def test_ten_thousand_random_operations_agree_with_a_simple_model(steps: bytes) -> None:
    pair, numbers = Pair(), iter(steps)
    for _ in range(
        STEPS
    ):  # a byte for each choice: a strategy of its own would take ten times as long
        operation, model, session, busy, wait = (
            choices[next(numbers) % len(choices)] for choices in CHOICES
        )
        pair.do(str(operation), str(model), str(session), str(busy), float(wait))
