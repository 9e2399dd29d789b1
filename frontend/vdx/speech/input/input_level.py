"""The level of the user's speech: is it too quiet, and is a voice much quieter than the user's?"""

from typing import Final

from vdx.core.audio import LISTEN_RATE
from vdx.core.events import LevelTooLow, SessionState
from vdx.speech.input.input_gain import NOMINAL
from vdx.speech.input.noise_gate import NoiseGate


class OwnLevel:
    """The level of the user's speech, int16 RMS, from turns while the bot was silent."""

    ENOUGH: Final = 15
    """Frames of speech in a turn: 300 ms."""
    NEW: Final = 0.5
    """Weight of a new turn that was quieter than those before; a louder one counts wholly: what was
    taken for the person may have been somebody further away."""
    UNHEARD: Final = 30
    """Frames of a voice below the threshold, since the last turn: two short words."""

    def __init__(self) -> None:
        self.level = 0.0
        self._power = 0.0
        self._frames = 0
        self._unheard_power = 0.0
        self._unheard = 0

    def add(self, level: float) -> None:
        self._power += level * level
        self._frames += 1

    def ended(self) -> None:
        """Takes the level of a turn that is over; `level` stays 0.0 until one was long enough."""
        if self._frames >= self.ENOUGH:
            level = float((self._power / self._frames) ** 0.5)
            self.level += (1.0 if level > self.level else self.NEW) * (level - self.level)
        self._power, self._frames = 0.0, 0
        self._unheard_power, self._unheard = 0.0, 0

    def unheard(self, level: float) -> None:
        """Takes a frame of a voice that is too quiet to be heard, between the turns.

        Who shouted once speaks as before afterwards, and no turn would ever say so. The level falls
        to that of this voice, but not below the nominal one: it may be somebody further away, who
        is not brought up to the person.
        """
        self._unheard_power += level * level
        self._unheard += 1
        if self._unheard >= self.UNHEARD:
            heard = float((self._unheard_power / self._unheard) ** 0.5)
            self.level = min(self.level, max(NOMINAL, heard))
            self._unheard_power, self._unheard = 0.0, 0


class LevelHint:
    """Reports, once, a voice that stays below the threshold for seconds."""

    VOICED_FRAMES: Final = 75
    """About two seconds of ordinary speech, pauses included."""
    FORGET: Final = 0.25
    """Frames that one without a voice subtracts, so that scattered frames do not add up."""
    LOUD_ENOUGH: Final = LISTEN_RATE * 3 // 10

    def __init__(self) -> None:
        self._done = False
        self._score = 0.0
        self._level = 0.0

    def detected(self, speech_samples: int) -> None:
        """An utterance of `speech_samples` was detected: after a long one no hint is given."""
        self._done = self._done or speech_samples >= self.LOUD_ENOUGH

    def observe(
        self, level: float, gated_voice: bool, state: SessionState, gate: NoiseGate
    ) -> LevelTooLow | None:
        bot_is_heard = state in (SessionState.SPEAKING, SessionState.BARGED_IN)
        if self._done or bot_is_heard:
            return None
        if not gated_voice or level < 2.0 * gate.noise_floor:
            self._score = max(0.0, self._score - self.FORGET)
            return None
        self._score += 1.0
        self._level = level if self._level == 0.0 else 0.95 * self._level + 0.05 * level
        if self._score < self.VOICED_FRAMES:
            return None
        self._done = True
        return LevelTooLow(rms=self._level, threshold=gate.threshold(state))
