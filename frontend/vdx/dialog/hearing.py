"""The input side of a session: frames to VAD, VAD to utterances, utterances to the recogniser."""

import itertools
from collections import deque
from collections.abc import Callable

from vdx.core.audio import FRAME_MS, LISTEN_FRAME, LISTEN_RATE, SAMPLE_BYTES, Framer
from vdx.core.config import AsrConfig, EchoControlConfig, VadConfig
from vdx.core.errors import ModelFailed
from vdx.core.events import (
    SessionState,
    SpeechEnded,
    SpeechEvent,
    SpeechLasted,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    StageEvent,
    TranscriptFailed,
)
from vdx.core.metrics import INPUT_GAPS
from vdx.core.slices import yield_to_loop
from vdx.dialog.input_clock import InputClock
from vdx.dialog.vad_report import VadReport
from vdx.speech.input.asr import Recogniser, Utterance
from vdx.speech.input.echo_control import EchoControl
from vdx.speech.input.endpointer import EndpointerStage
from vdx.speech.input.noise_gate import VadStatistics
from vdx.speech.input.vad import SpeechDetector

FRAME_BYTES = LISTEN_FRAME * SAMPLE_BYTES
SILENCE = bytes(FRAME_BYTES)
FRAMES_PER_SLICE = 25
"""Frames handled, in about 5 ms, before other tasks run, where a client sends faster than real
time."""
LONGEST_PIECE_S = 0.5
"""Audio sent at once that is taken to be as long as the time until the next piece."""


class Hearing:
    """Owns the detector, the pre-roll and the utterances in flight of one session.

    `state` gives the session's state, which sets the gate's threshold, at every frame; `emit`
    takes VAD's and the recogniser's events; `spawn` runs an utterance in a task; `clock` is in
    seconds. With VAD off (`turn_detection: null`) everything appended since the last commit is one
    utterance.
    """

    def __init__(
        self,
        vad: VadConfig,
        asr: AsrConfig,
        state: Callable[[], SessionState],
        recogniser: Recogniser,
        emit: Callable[[StageEvent], None],
        spawn: Callable[[Utterance], None],
        clock: Callable[[], float],
        echo: EchoControlConfig | None = None,
    ) -> None:
        self.echo = EchoControl(echo or EchoControlConfig())
        self._position = 0  # 16 kHz samples of input
        self._input_clock = InputClock()
        self._vad_enabled = vad.enabled
        # One count for detected and manual utterances: a number names one in the whole session.
        self._next_number = itertools.count(1).__next__
        self._detector = SpeechDetector(vad, self._next_number)
        self._report = VadReport()
        self._asr = asr
        self._pre_roll_ms = asr.pre_roll_ms
        self._state = state
        self._recogniser = recogniser
        self._emit = emit
        self._spawn = spawn
        self._clock = clock
        self._framer = Framer(FRAME_BYTES)
        self._pre_roll: deque[bytes] = deque()
        self._utterances: dict[int, Utterance] = {}
        self._current: Utterance | None = None
        self._gap_filled_ms = 0
        self._working = False
        self._closed = False
        self.endpointer: EndpointerStage | None = None
        """Asked at each pause, where the session has one."""
        self._next_input = clock()

    @property
    def statistics(self) -> VadStatistics:
        return self._detector.statistics

    @property
    def position_ms(self) -> int:
        """Milliseconds of audio that the client has sent so far."""
        return self.input_ms(self._position)

    def input_ms(self, position: int) -> int:
        """Milliseconds of audio that the client had sent at the 16 kHz sample `position`."""
        return self._input_clock.ms(position)

    def time_at(self, position: int) -> float:
        """When, on the clock, the 16 kHz sample `position` of the input arrived."""
        return self._clock() - (self._detector.position - position) / LISTEN_RATE

    @property
    def in_speech(self) -> bool:
        """An utterance that VAD has to end is under way, for which it needs input."""
        return self._vad_enabled and self._current is not None

    @property
    def by_hand(self) -> bool:
        """Input was taken that the client has to commit: voice activity detection is off."""
        return not self._vad_enabled and self._current is not None

    @property
    def current_utterance(self) -> int | None:
        """The utterance that takes the input now; None between utterances."""
        return self._current.number if self._current else None

    def reconfigure(
        self, vad: VadConfig, echo: EchoControlConfig, pre_roll_ms: int | None = None
    ) -> None:
        """Takes new settings from the next frame on; the noise floor stays.

        `pre_roll_ms`, at most a second, replaces that of the configuration.

        Call `hand_over` before VAD is switched off, and `commit` before it is switched on: an
        utterance is ended either by VAD or by a commit.
        """
        self._vad_enabled = vad.enabled
        self._pre_roll_ms = self._asr.pre_roll_ms if pre_roll_ms is None else pre_roll_ms
        self._detector.reconfigure(vad)
        self.echo.reconfigure(echo)

    async def feed(self, pcm: bytes) -> None:
        """Takes int16 16 kHz mono audio of any length; waits while the recogniser lags behind."""
        self._working = True
        try:
            for count, frame in enumerate(self._framer.push(pcm), 1):
                if self._closed:
                    return
                self._take(frame)
                if self._current is not None:
                    await self._current.room()
                if count % FRAMES_PER_SLICE == 0:
                    await yield_to_loop()
        finally:
            self._working = False
            # A client that sends half a second at a time is silent for as long in between.
            piece_s = min(len(pcm) / (LISTEN_RATE * SAMPLE_BYTES), LONGEST_PIECE_S)
            self._next_input = self._clock() + piece_s
            self._gap_filled_ms = 0

    def excuse(self, late_s: float) -> None:
        """Does not count `late_s` seconds as missing input: the event loop was late by so much."""
        self._next_input += max(0.0, late_s)

    def fill_gap(self, now: float, gap_ms: int) -> None:
        """Feeds silence where input has been missing for `gap_ms` inside an utterance."""
        missing_ms = int((now - self._next_input) * 1000)
        if self._working or not self.in_speech or missing_ms < gap_ms:
            return
        if not self._gap_filled_ms:
            INPUT_GAPS.inc()
        for _ in range((missing_ms - self._gap_filled_ms) // FRAME_MS):
            self._gap_filled_ms += FRAME_MS
            self._input_clock.fill(self._position, LISTEN_FRAME)
            self._take(SILENCE)
            if self._current is None:
                return

    def commit(self) -> int | None:
        """Ends the current utterance and returns its number; None if there is none."""
        if (rest := self._framer.flush()) is not None:
            self._take(rest)
        current, self._current = self._current, None
        if current is not None:
            self._forget_sent(current)
        self._detector.reset()
        return current.number if current else None

    def clear(self) -> int | None:
        """Drops the current utterance's input and returns its number; None if there is none."""
        self._framer.clear()
        self._pre_roll.clear()
        current, self._current = self._current, None
        self._detector.reset()
        return current.number if current else None

    def number_silence(self) -> int:
        """A number for an utterance in which nothing was said."""
        return self._next_number()

    def hand_over(self) -> int | None:
        """Lets the client end the utterance under way; returns its number, None if there is none.

        What was said stays in the buffer.
        """
        current = self._current
        self._detector.reset()
        if current is None:
            return None
        current.resume()
        current.manual = True
        return current.number

    def set_endpoint(self, utterance: int, silence_ms: int) -> None:
        """Lets the present pause last `silence_ms`; 0 is the configured limit again."""
        if self.current_utterance == utterance:
            self._detector.set_endpoint(silence_ms)

    def finish(self, utterance: int) -> None:
        """Asks for the final transcript; emits TranscriptFailed if the utterance is gone."""
        if (found := self._utterances.get(utterance)) is not None:
            found.finish()
        else:
            lost = ModelFailed("the recogniser lost this utterance")
            self._emit(TranscriptFailed(utterance, lost))

    def audio_of(self, utterance: int | None) -> bytes:
        """Of an utterance whose task is not over, None: of the one under way; as `Utterance.audio`.

        Empty where there is none.
        """
        found = self._current if utterance is None else self._utterances.get(utterance)
        return found.audio if found is not None else b""

    def abandon(self, utterance: int) -> None:
        if (found := self._utterances.pop(utterance, None)) is not None:
            found.abandon()

    def close(self) -> None:
        """Abandons everything in flight."""
        self._report.frames(self.statistics)
        for utterance in self._utterances.values():
            utterance.abandon()
        self._utterances.clear()
        self._current = None
        self._closed = True

    def forget(self, utterance: int) -> None:
        """Removes an utterance whose task is over."""
        self._utterances.pop(utterance, None)

    def _take(self, frame: bytes) -> None:
        self._position += LISTEN_FRAME
        frame, played = self.echo.hear(frame, self._position, self._clock())
        if not self._vad_enabled:
            self._append_without_vad(frame)
            return
        events = self._detector.process(frame, self._state(), played)
        self._remember(frame)
        if self._current is not None and self.endpointer is not None:
            self.endpointer.push(frame)
        if not events and self._current is not None:
            self._current.push(frame)
        for event in events:
            self._follow(event, frame)
        if self._current is not None and self._state() is SessionState.BARGED_IN:
            ms = self._detector.speech_samples * 1000 // LISTEN_RATE
            self._emit(SpeechLasted(self._current.number, ms))

    def _append_without_vad(self, frame: bytes) -> None:
        self._detector.skip_frame()
        if self._current is None:
            self._current = self._begin(self._next_number(), LISTEN_FRAME, manual=True)
        self._current.push(frame)

    def _follow(self, event: SpeechEvent, frame: bytes) -> None:
        """Applies an event of VAD to the utterance, then emits it."""
        self._report.event(event, self.statistics)
        match event:
            case SpeechStarted(utterance=number, at=onset):
                heard = self._audio_since(onset)
                self._current = self._begin(number, len(heard) // SAMPLE_BYTES)
                self._current.push(heard)
                if self.endpointer is not None:
                    self.endpointer.begin(heard)
            case SpeechPaused(utterance=number, at=at) if self._current:
                self._current.push(frame)
                self._current.pause()
                if self.endpointer is not None:
                    self.endpointer.ask(number, at)
            case SpeechResumed() if self._current:
                self._current.resume()
                self._current.push(frame)
            case SpeechEnded() if self._current:
                self._current.push(frame)
                self._forget_sent(self._current)
                self._current = None
            case _:
                if self._current:
                    self._current.push(frame)
        self._emit(event)

    def _begin(self, number: int, samples: int, *, manual: bool = False) -> Utterance:
        """Opens one whose first `samples` of audio were taken already."""
        begin = self._position - samples
        utterance = Utterance(
            number, self._asr, self._recogniser, self._emit, manual=manual, begin=begin
        )
        self._utterances[number] = utterance
        self._spawn(utterance)
        return utterance

    def _remember(self, frame: bytes) -> None:
        """Keeps the audio that an utterance begins with: the pre-roll and the longest debounce."""
        self._pre_roll.append(frame)
        if len(self._pre_roll) > (self._pre_roll_ms + 1000) // FRAME_MS:
            self._pre_roll.popleft()

    def _forget_sent(self, utterance: Utterance) -> None:
        """Keeps of the pre-roll what was not sent: a recogniser may go on where it ended."""
        unsent = utterance.held_bytes // FRAME_BYTES
        while len(self._pre_roll) > unsent:
            self._pre_roll.popleft()

    def _audio_since(self, onset: int) -> bytes:
        """From `pre_roll_ms` before the onset up to now."""
        frames = (self._detector.position - onset) // LISTEN_FRAME
        frames += self._pre_roll_ms // FRAME_MS
        recent = list(self._pre_roll)[-frames:] if frames else []
        self._pre_roll.clear()
        return b"".join(recent)
