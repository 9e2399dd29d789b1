"""Speech detection: 20 ms frames in; speech started, paused, resumed and ended out.

Every threshold and webrtcvad are meant for a voice at a nominal level, to which a gain brings the
input (`input_gain.py`). A frame is speech when it passes the noise gate, webrtcvad (Google's GMM
detector, the `aggressiveness` of the configuration being its mode) says so and the voice check
finds a voice in it. While the bot speaks, its echo does not count for the gate
(`echo_level_guard.py`), a sound whose spectrum stays the same is no voice
(`voice_activity_check.py`), and neither is one much quieter than the user's. Three rules turn
frames into utterances:

- Start: `min_speech_duration_ms` of what webrtcvad takes for speech, with a voice in two frames of
  it, within a window one frame in four longer, so that a
  single missed frame does not start the count again. A quieter frame right before the first
  speech frame counts too when a voice can already be heard in it: a voice sets in softly, a
  click does not.
- Pause: three silent frames in a row. One or two are a plosive or an error of the detector, and
  each pause costs the recogniser a speculative decode.
- End: `min_silence_duration_ms` after the last speech frame, or at another silence that
  `set_endpoint` said for this pause; over a reply that is paused for it 240 ms at least, so that
  speech goes on in spite of dips. A loud frame that webrtcvad takes for noise still belongs to
  the utterance within 140 ms of speech (a closing "s"). Inside a pause a single speech frame counts
  only with another loud one beside it, because webrtcvad has single false positives.
"""

import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import webrtcvad

from vdx.core.audio import FRAME_MS, LISTEN_FRAME, LISTEN_RATE, SAMPLE_BYTES, rms, to_pcm
from vdx.core.config import VadConfig
from vdx.core.errors import InvalidInput
from vdx.core.events import (
    Pcm,
    SessionState,
    SpeechEnded,
    SpeechEvent,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
)
from vdx.speech.input.echo_level_guard import EchoLevelGuard
from vdx.speech.input.echo_path import Path
from vdx.speech.input.input_gain import InputGain
from vdx.speech.input.input_level import LevelHint, OwnLevel
from vdx.speech.input.noise_gate import BOT_SPEAKS, NoiseGate, VadStatistics
from vdx.speech.input.spectrum import Spectrum
from vdx.speech.input.voice_activity_check import VoiceActivityCheck

FRAME_BYTES: Final = LISTEN_FRAME * SAMPLE_BYTES
PAUSE_FRAMES: Final = 3
WINDOW: Final = 3
"""Frames looked back on inside an utterance."""
RESUME_FRAMES: Final = 2
OVER_REPLY: Final = 12 * LISTEN_FRAME
"""Silence that ends speech over a reply, at least: dips of 200 ms are no end of it."""
FRICATIVE_FRAMES: Final = 7
"""How long after speech a loud frame without a voice still belongs to it."""
VOICED_FRAMES: Final = 2
"""Of an onset: a stroke of a key may look like one."""
LEAD_IN_SHARE: Final = 0.5
"""Of the threshold before the state multiplier; above it a voiced frame may begin an onset."""


class _Frame(IntEnum):
    """What one frame is; a later member includes the earlier ones."""

    SILENCE = 0
    LEAD_IN = 1
    LOUD = 2
    VOICELESS = 3
    SPEECH = 4


@dataclass(slots=True)
class _Utterance:
    """The utterance under way (or the last one); positions in samples since the session began."""

    number: int
    onset: int
    speech_end: int
    paused: bool = False
    endpoint: int = 0
    """Silence that ends it, in samples, where this pause has a limit of its own."""


class SpeechDetector:
    """Turns the input of one session into speech events; not thread-safe, no I/O.

    `next_number` numbers the utterances; by default they are counted from 1.
    """

    def __init__(self, config: VadConfig, next_number: Callable[[], int] | None = None) -> None:
        self._next_number = next_number or itertools.count(1).__next__
        self._gate = NoiseGate(config)
        self._spectrum = Spectrum()
        self._guard = EchoLevelGuard()
        self._own = OwnLevel()
        self._gain = InputGain()
        self._hint = LevelHint()
        self._position = 0
        self._utterance = _Utterance(number=0, onset=0, speech_end=0)
        self._active = False
        self._apply(config)

    def _apply(self, config: VadConfig) -> None:
        self._vad = webrtcvad.Vad(config.aggressiveness)
        self._voice = VoiceActivityCheck(config.voice_check)
        check = config.voice_check
        self._nearness = 10 ** (check.nearness_db / 20) if check.enabled else 0.0
        self._onset_frames = max(1, -(-config.min_speech_duration_ms // FRAME_MS))
        self._silence_samples = config.min_silence_duration_ms * LISTEN_RATE // 1000
        self._onset_window = self._onset_frames + max(1, self._onset_frames // 4)
        # One more than the longest look back: the frame before an onset can be its lead-in.
        self._recent: deque[_Frame] = deque(maxlen=max(self._onset_window, FRICATIVE_FRAMES) + 1)

    def reconfigure(self, config: VadConfig) -> None:
        """Takes new settings; the position, the utterance and the noise floor stay."""
        self._gate.reconfigure(config)
        self._apply(config)

    def set_endpoint(self, silence_ms: int) -> None:
        """Lets the present pause last `silence_ms`; 0 is the configured limit again.

        A pause that has lasted so long already ends with the next frame.
        """
        self._utterance.endpoint = silence_ms * LISTEN_RATE // 1000

    def reset(self) -> None:
        """Drops the utterance under way without an event."""
        self._active = False
        self._recent.clear()

    def skip_frame(self) -> None:
        """Counts a frame that is not looked at."""
        self._position += LISTEN_FRAME

    @property
    def position(self) -> int:
        """16 kHz samples of input so far."""
        return self._position

    @property
    def in_utterance(self) -> bool:
        return self._active

    @property
    def speech_samples(self) -> int:
        """16 kHz samples from onset to the last speech frame of the current or last utterance."""
        return self._utterance.speech_end - self._utterance.onset

    @property
    def statistics(self) -> VadStatistics:
        return self._gate.statistics

    def process(
        self, frame: bytes, state: SessionState, played: Pcm | None = None
    ) -> tuple[SpeechEvent, ...]:
        """Takes one frame (640 bytes: int16, 16 kHz, mono, 20 ms) while the session is in `state`.

        `played` (int16 [320], 16 kHz) is what was played to the user meanwhile, for the echo guard;
        None for silence.

        Raises InvalidInput for a frame of another size.
        """
        if len(frame) != FRAME_BYTES:
            raise InvalidInput(f"a frame has {FRAME_BYTES} bytes, not {len(frame)}", param="frame")
        pcm = to_pcm(frame)
        level = rms(pcm)
        self._gain.observe(level, self._own.level, bot_speaks=state in BOT_SPEAKS)
        self._gate.gain = gain = self._gain_now(state)
        like_speech: bool = self._vad.is_speech(_amplified(frame, pcm, gain), LISTEN_RATE)
        near, voiced = self._inspect(pcm, level, state, played, like_speech=like_speech)
        loud = self._gate.admits(near, state)
        if state in BOT_SPEAKS:
            voiced = voiced and near >= self._own.level * self._nearness
        speech = loud and voiced
        if speech and state not in BOT_SPEAKS:
            self._own.add(level)
            self._gain.speech(level)
        elif voiced and not self._active and state not in BOT_SPEAKS:
            self._own.unheard(level)
        no_echo = self._guard.path is Path.ABSENT
        noise = not (voiced or self._active)
        self._gate.learn(level, state, voiced=not noise, speech=speech, no_echo=no_echo)
        kind = self._classify(near, loud=loud, like_speech=like_speech, voiced=voiced)
        self._recent.append(kind)
        self._position += LISTEN_FRAME
        event = self._follow(state) if self._active else self._seek(kind)
        if event is not None:
            if isinstance(event, SpeechEnded):
                self._hint.detected(self.speech_samples)
                self._own.ended()
            return (event,)
        hint = self._hint.observe(level, voiced and not speech, state, self._gate)
        return () if hint is None else (hint,)

    def _gain_now(self, state: SessionState) -> float:
        """Who spoke up has the next sentence begin and interrupt at that level; but having begun,
        it may become as soft as any other before it counts as a pause."""
        followed = self._active and state not in BOT_SPEAKS
        return max(1.0, self._gain.gain) if followed else self._gain.gain

    def _inspect(
        self, pcm: Pcm, level: float, state: SessionState, played: Pcm | None, *, like_speech: bool
    ) -> tuple[float, bool]:
        """The level that the bot's echo does not explain, and whether a voice is in it."""
        self._spectrum.push(pcm)
        self._guard.play(played)
        check = self._voice.config.enabled and like_speech
        if not check and not self._guard.active:
            return level, like_speech
        power = self._spectrum.power()
        near = level
        if self._guard.active:
            threshold = self._gate.threshold(state)
            near = min(level, self._guard.residual(pcm, power, level, threshold))
        if not check:
            return near, like_speech
        voiced = self._voice.judge(power)
        return near, voiced and (state not in BOT_SPEAKS or self._voice.glides)

    def _classify(self, level: float, *, loud: bool, like_speech: bool, voiced: bool) -> _Frame:
        if loud and like_speech:
            return _Frame.SPEECH if voiced else _Frame.VOICELESS
        if loud:
            return _Frame.LOUD
        base = self._gate.base_threshold
        if level >= base or (like_speech and level >= base * LEAD_IN_SHARE):
            return _Frame.LEAD_IN
        return _Frame.SILENCE

    def _seek(self, latest: _Frame) -> SpeechEvent | None:
        """Debounce of the onset: outside an utterance, has speech lasted long enough?"""
        if latest < _Frame.VOICELESS:
            return None
        frames = list(self._recent)[-self._onset_window - 1 :]
        begin = len(frames) - min(len(frames), self._onset_window)
        first = next(i for i in range(begin, len(frames)) if frames[i] >= _Frame.VOICELESS)
        counted = sum(kind >= _Frame.VOICELESS for kind in frames[first:])
        voiced = frames[first:].count(_Frame.SPEECH)
        if first > 0 and frames[first - 1] >= _Frame.LEAD_IN:
            first -= 1
            counted += 1
        if counted < self._onset_frames or voiced < min(VOICED_FRAMES, self._onset_frames):
            return None
        onset = self._position - (len(frames) - first) * LISTEN_FRAME
        self._utterance = _Utterance(self._next_number(), onset, self._position)
        self._active = True
        return SpeechStarted(self._utterance.number, onset)

    def _follow(self, state: SessionState) -> SpeechEvent | None:
        """Inside an utterance: does it pause, go on or end?"""
        current = self._utterance
        latest = list(self._recent)
        goes_on = latest[-1] >= _Frame.LOUD and _Frame.SPEECH in latest[-FRICATIVE_FRAMES - 1 :]
        latest = latest[-WINDOW:]
        if not current.paused:
            if goes_on:
                current.speech_end = self._position
            elif self._position - current.speech_end >= PAUSE_FRAMES * LISTEN_FRAME:
                current.paused = True
                return SpeechPaused(current.number, current.speech_end)
            return None
        if goes_on and sum(kind >= _Frame.LOUD for kind in latest) >= RESUME_FRAMES:
            first = next(i for i, kind in enumerate(latest) if kind >= _Frame.LOUD)
            current.paused = False
            current.endpoint = 0
            current.speech_end = self._position
            resumed = self._position - (len(latest) - first) * LISTEN_FRAME
            return SpeechResumed(current.number, resumed)
        silent = self._position - current.speech_end
        needed = current.endpoint or self._silence_samples
        if state is SessionState.BARGED_IN:
            needed = max(needed, OVER_REPLY)
        # Speech in the last frame may be speech coming back: the next frames decide.
        undecided = _Frame.SPEECH in latest and silent < needed + WINDOW * LISTEN_FRAME
        if silent < needed or undecided:
            return None
        self._active = False
        self._recent.clear()
        return SpeechEnded(current.number, current.speech_end)


def _amplified(frame: bytes, pcm: Pcm, gain: float) -> bytes:
    if gain == 1.0:
        return frame
    amplified: Pcm = np.clip(pcm * np.float32(gain), -32768, 32767).astype("<i2")
    return amplified.tobytes()
