import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdx.core.config import NoiseGateConfig, VadConfig
from vdx.core.events import SessionState
from vdx.speech.input.noise_gate import NoiseGate

LISTENING = SessionState.LISTENING


def learned(level: float, config: VadConfig | None = None, frames: int = 100) -> NoiseGate:
    gate = NoiseGate(config or VadConfig())
    for _ in range(frames):
        gate.admits(level, LISTENING)
        gate.learn(level, LISTENING, voiced=False, speech=False)
    return gate


def test_minimum_holds_until_the_window_is_full() -> None:
    gate = learned(300.0, frames=99)
    assert (gate.noise_floor, gate.threshold(LISTENING)) == (0.0, 200.0)
    gate.learn(300.0, LISTENING, voiced=False, speech=False)
    assert (gate.noise_floor, gate.threshold(LISTENING)) == (300.0, 750.0)


def test_quiet_room_keeps_the_minimum() -> None:
    assert learned(30.0).threshold(LISTENING) == 200.0


@pytest.mark.parametrize(
    ("state", "multiplier"),
    [
        (SessionState.IDLE, 1.5),
        (SessionState.LISTENING, 1.5),
        (SessionState.WAITING_FOR_INPUT, 1.5),
        (SessionState.SPEAKING, 3.0),
        (SessionState.BARGED_IN, 1.25),
    ],
)
@pytest.mark.parametrize("gate_on", [True, False])
@pytest.mark.parametrize("state_aware", [True, False])
def test_threshold_of_every_state(
    state: SessionState, multiplier: float, gate_on: bool, state_aware: bool
) -> None:
    config = VadConfig(
        state_aware_gating=state_aware,
        listening_threshold_multiplier=1.5,
        speaking_threshold_multiplier=3.0,
        barged_in_threshold_multiplier=1.25,
        noise_gate=NoiseGateConfig(enabled=gate_on, window_size=10),
    )
    base = 1000.0 if gate_on else 200.0
    expected = base * (multiplier if state_aware else 1.0)
    assert learned(400.0, config).threshold(state) == pytest.approx(expected)


def test_floor_is_the_percentile_of_the_window_and_follows_it() -> None:
    config = VadConfig(noise_gate=NoiseGateConfig(window_size=5, update_interval_frames=2))
    gate = NoiseGate(config)
    for level in (500.0, 100.0, 400.0, 200.0, 300.0):
        gate.learn(level, LISTENING, voiced=False, speech=False)
    assert gate.noise_floor == 200.0
    gate.learn(900.0, LISTENING, voiced=False, speech=False)
    assert gate.noise_floor == 200.0
    gate.learn(900.0, LISTENING, voiced=False, speech=False)
    assert gate.noise_floor == 300.0


@pytest.mark.parametrize("state", [SessionState.SPEAKING, SessionState.BARGED_IN])
def test_echo_of_the_bot_is_not_learned(state: SessionState) -> None:
    gate = NoiseGate(VadConfig())
    for _ in range(500):
        gate.learn(900.0, state, voiced=False, speech=False)
    assert gate.noise_floor == 0.0


def test_without_an_echo_the_room_is_learned_over_a_reply_too() -> None:
    gate = NoiseGate(VadConfig())
    for _ in range(200):
        gate.learn(300.0, SessionState.SPEAKING, voiced=False, speech=False, no_echo=True)
    assert gate.noise_floor == 300.0


def test_speech_is_not_learned() -> None:
    gate = NoiseGate(VadConfig())
    for _ in range(500):
        gate.learn(900.0, LISTENING, voiced=True, speech=True)
    assert gate.noise_floor == 0.0


def test_muted_input_is_not_learned() -> None:
    gate = learned(120.0)
    for _ in range(500):
        gate.learn(0.0, LISTENING, voiced=False, speech=False)
    assert gate.noise_floor == 120.0


def test_statistics_count_what_happened() -> None:
    gate = NoiseGate(VadConfig())
    for level, state, speech in (
        (100.0, LISTENING, False),
        (300.0, SessionState.SPEAKING, False),
        (500.0, SessionState.SPEAKING, True),
        (250.0, LISTENING, True),
    ):
        gate.admits(level, state)
        gate.learn(level, state, voiced=speech, speech=speech)
    seen = gate.statistics
    assert (seen.frames_processed, seen.frames_gated) == (4, 2)
    assert (seen.gating_ratio, seen.state_gating_ratio, seen.speech_ratio) == (0.5, 0.25, 0.5)
    assert (seen.noise_floor, seen.adaptive_threshold) == (0.0, 200.0)


def test_statistics_before_the_first_frame() -> None:
    assert NoiseGate(VadConfig()).statistics.gating_ratio == 0.0


def test_reconfigure_keeps_the_learned_noise() -> None:
    gate = learned(300.0)
    gate.reconfigure(VadConfig(noise_gate=NoiseGateConfig(threshold_multiplier=4.0)))
    assert gate.threshold(LISTENING) == 1200.0


@given(st.lists(st.floats(0.0, 32768.0), max_size=300), st.sampled_from(SessionState))
def test_threshold_never_falls_below_the_minimum(levels: list[float], state: SessionState) -> None:
    gate = NoiseGate(VadConfig())
    for level in levels:
        admitted = gate.admits(level, state)
        assert admitted == (level >= gate.threshold(state))
        gate.learn(level, state, voiced=False, speech=False)
        assert gate.threshold(state) >= 200.0
