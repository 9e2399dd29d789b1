"""The noise gate: is a frame loud enough to be the user's speech?

A frame passes when its RMS reaches

    state multiplier x max(noise floor x threshold_multiplier, min_threshold / gain)

The gain brings the person's voice to a nominal level (`input_gain.py`): to divide the threshold by
it is to multiply the input. The noise floor is a percentile over a window of frames that were
neither speech nor the bot's own echo. Until that window is full the threshold is `state multiplier
x min_threshold / gain`, and with the gate switched off it stays there.
"""

from collections import deque
from dataclasses import dataclass

from vdx.core.config import VadConfig
from vdx.core.events import SessionState

DIGITAL_SILENCE_RMS = 1.0
"""Quieter frames are digital silence of a muted input, which is not the noise of the room."""

BOT_SPEAKS = frozenset({SessionState.SPEAKING, SessionState.BARGED_IN})


@dataclass(frozen=True, slots=True)
class VadStatistics:
    """Counts of the gate and the detector so far; levels are int16 RMS, ratios 0 to 1.

    `frames_gated` were below the threshold. `state_gating_ratio` is the share of all frames that
    only the state multiplier held back. `adaptive_threshold` is the threshold before that
    multiplier. `speech_ratio` is the share of frames taken for speech.
    """

    frames_processed: int
    frames_gated: int
    gating_ratio: float
    noise_floor: float
    adaptive_threshold: float
    state_gating_ratio: float
    speech_ratio: float


class NoiseGate:
    """Adaptive level gate of one session; one `admits` and one `learn` per 20 ms frame."""

    def __init__(self, config: VadConfig) -> None:
        self._window: deque[float] = deque(maxlen=config.noise_gate.window_size)
        self._since_update = 0
        self._noise_floor = 0.0
        self.gain = 1.0
        self._processed = 0
        self._gated = 0
        self._gated_by_state = 0
        self._speech = 0
        self._apply(config)

    def _apply(self, config: VadConfig) -> None:
        self._gate = config.noise_gate
        self._multipliers = dict.fromkeys(SessionState, 1.0)
        if config.state_aware_gating:
            self._multipliers |= dict.fromkeys(SessionState, config.listening_threshold_multiplier)
            self._multipliers[SessionState.SPEAKING] = config.speaking_threshold_multiplier
            self._multipliers[SessionState.BARGED_IN] = config.barged_in_threshold_multiplier

    def reconfigure(self, config: VadConfig) -> None:
        """Takes new settings; the noise floor stays."""
        self._window = deque(self._window, maxlen=config.noise_gate.window_size)
        self._apply(config)

    @property
    def noise_floor(self) -> float:
        """int16 RMS of the noise, 0.0 until the window is full."""
        return self._noise_floor

    @property
    def base_threshold(self) -> float:
        """RMS a frame must reach before the state multiplier is applied."""
        gate = self._gate
        least = gate.min_threshold / self.gain
        return max(self._noise_floor * gate.threshold_multiplier, least) if gate.enabled else least

    def threshold(self, state: SessionState) -> float:
        """RMS a frame must reach in this state."""
        return self._multipliers[state] * self.base_threshold

    def admits(self, level: float, state: SessionState) -> bool:
        """Whether a frame of this RMS passes; counts it."""
        self._processed += 1
        if level >= self.threshold(state):
            return True
        self._gated += 1
        if level >= self.base_threshold:
            self._gated_by_state += 1
        return False

    def learn(
        self,
        level: float,
        state: SessionState,
        *,
        voiced: bool,
        speech: bool,
        no_echo: bool = False,
    ) -> None:
        """Takes the detector's result for the frame.

        `voiced`: a voice may be in it (or an utterance is under way), so it is not noise.
        `speech`: it passed the gate and counts as speech.
        `no_echo`: the bot is not heard in it, also while it speaks.
        """
        self._speech += speech
        echo = state in BOT_SPEAKS and not no_echo
        if voiced or echo or level < DIGITAL_SILENCE_RMS:
            return
        self._window.append(level)
        self._since_update += 1
        if len(self._window) < self._gate.window_size:
            return
        if self._noise_floor == 0.0 or self._since_update >= self._gate.update_interval_frames:
            self._since_update = 0
            rank = int(self._gate.percentile * (len(self._window) - 1))
            self._noise_floor = sorted(self._window)[rank]

    @property
    def statistics(self) -> VadStatistics:
        frames = max(1, self._processed)
        return VadStatistics(
            frames_processed=self._processed,
            frames_gated=self._gated,
            gating_ratio=self._gated / frames,
            noise_floor=self._noise_floor,
            adaptive_threshold=self.base_threshold,
            state_gating_ratio=self._gated_by_state / frames,
            speech_ratio=self._speech / frames,
        )
