"""Feeds scenes to the input stages in virtual time, many times faster than real time.

The frames go through the same echo control, gate, detector and turn machine as those of a session.
The loop is closed: when the turn machine pauses a reply, its echo stops too.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from benchmarks.vad_corpus import Scene
from benchmarks.vad_noises import Signal
from vdx.core.audio import FRAME_MS, LISTEN_FRAME, LISTEN_RATE, SPEAK_RATE
from vdx.core.config import EchoControlConfig, VadConfig
from vdx.core.events import (
    LevelTooLow,
    Pcm,
    ReplyAudible,
    ReplyEnded,
    SessionState,
    SpeechEnded,
    SpeechEvent,
    SpeechLasted,
    SpeechStarted,
    Transcript,
    TranscriptKind,
)
from vdx.core.resample import Resampler
from vdx.dialog.turn import TurnMachine, TurnPolicy
from vdx.dialog.turn_decisions import (
    CancelReply,
    FinishUtterance,
    PauseReply,
    ResumeReply,
    StartReply,
)
from vdx.dialog.turn_events import (
    ReplyRequested,
    TurnEvent,
)
from vdx.speech.input.echo_control import EchoControl
from vdx.speech.input.vad import SpeechDetector

SECONDS: Final = FRAME_MS / 1000
FREE: Final = (SessionState.IDLE, SessionState.WAITING_FOR_INPUT)
POLICY: Final = TurnPolicy(interrupts=lambda _: False, only_sounds=lambda _: False)
"""Without words an interruption is confirmed by lasting `barge_in.confirm_ms`."""


@dataclass(frozen=True, slots=True)
class Features:
    """How a session listens; `echo.cancellation` counts where the scene asks for it.

    `silero`: Silero VAD judges the frames instead of webrtcvad.
    """

    name: str
    vad: VadConfig = field(default_factory=VadConfig)
    echo: EchoControlConfig = field(
        default_factory=lambda: EchoControlConfig(guard=True, cancellation=True)
    )
    silero: bool = False

    def detector(self) -> SpeechDetector:
        """A detector of one session."""
        if not self.silero:
            return SpeechDetector(self.vad)
        from benchmarks.vad_silero import SileroDetector

        return SileroDetector(self.vad)


@dataclass(slots=True)
class Outcome:
    """What happened, in samples from the beginning: replies cancelled and paused, utterances."""

    cancelled: list[int] = field(default_factory=list)
    paused: list[int] = field(default_factory=list)
    utterances: list[tuple[int, int]] = field(default_factory=list)
    heard: list[tuple[int, SpeechEvent]] = field(default_factory=list)


class _Bot:
    """Speaks one text as replies, one after the other until it is said."""

    def __init__(self, scene: Scene) -> None:
        self._speech = np.zeros(0) if scene.bot is None else scene.bot
        self._starts = scene.bot_starts
        self._next = 0
        self.reply: int | None = None
        self.playing = False

    def may_begin(self, now: int, state: SessionState) -> bool:
        left = self._next < self._speech.size
        return left and now >= self._starts and self.reply is None and state in FREE

    @property
    def said_all(self) -> bool:
        return self.playing and self._next >= self._speech.size

    def frame(self) -> Signal:
        out = np.zeros(LISTEN_FRAME)
        if self.playing:
            piece = self._speech[self._next : self._next + LISTEN_FRAME]
            out[: piece.size] = piece
            self._next += LISTEN_FRAME
        return out


class _Loudspeaker:
    """The echo of what is played, a frame at a time (overlap-save convolution)."""

    def __init__(self, response: Signal | None) -> None:
        self._active = response is not None
        response = np.zeros(1) if response is None else response
        self._past = np.zeros(response.size + LISTEN_FRAME)
        self._size = 1 << (self._past.size - 1).bit_length()
        self._spectrum = np.fft.rfft(response, self._size)

    def echo(self, played: Signal) -> Signal:
        if not self._active:
            return np.zeros(LISTEN_FRAME)
        self._past[:-LISTEN_FRAME] = self._past[LISTEN_FRAME:]
        self._past[-LISTEN_FRAME:] = played
        whole = np.fft.irfft(np.fft.rfft(self._past, self._size) * self._spectrum, self._size)
        return np.asarray(whole[self._past.size - LISTEN_FRAME : self._past.size])


class SceneSession:
    """One session that is fed a scene."""

    def __init__(self, scene: Scene, features: Features) -> None:
        wanted = features.echo.cancellation and scene.cancel
        self._echo = EchoControl(features.echo.model_copy(update={"cancellation": wanted}))
        self._detector = features.detector()
        self._machine = TurnMachine(POLICY)
        self._scene = scene
        self._bot = _Bot(scene)
        self._loudspeaker = _Loudspeaker(scene.echo)
        self._up = Resampler(LISTEN_RATE, SPEAK_RATE)
        self._due: list[int] = []
        self._number = 0
        self._now = 0
        self.outcome = Outcome()

    def play(self) -> Outcome:
        """The whole scene."""
        for start in range(0, self._scene.near.size - LISTEN_FRAME + 1, LISTEN_FRAME):
            self._now = start
            self._frame(self._scene.near[start : start + LISTEN_FRAME])
        return self.outcome

    def _frame(self, near: Signal) -> None:
        while self._due:  # nobody understands anything: only the sounds are tried
            self._handle(Transcript(self._due.pop(), "", 0, 0, TranscriptKind.FINAL))
        if self._bot.may_begin(self._now, self._machine.state):
            self._handle(ReplyRequested())
            if self._bot.reply is not None:
                self._handle(ReplyAudible(self._bot.reply))
        played = self._bot.frame()
        if self._bot.said_all and self._bot.reply is not None:
            reply, self._bot.reply, self._bot.playing = self._bot.reply, None, False
            self._handle(ReplyEnded(reply))
        clock = self._now / LISTEN_RATE
        if played.any():
            self._echo.add(self._up.push(_pcm(played)), clock)
        heard = _pcm(near + self._loudspeaker.echo(played))
        position = self._now + LISTEN_FRAME
        frame, reference = self._echo.hear(heard.tobytes(), position, clock + SECONDS)
        for event in self._detector.process(frame, self._machine.state, reference):
            self._hear(event)
        if self._machine.state is SessionState.BARGED_IN:
            ms = self._detector.speech_samples * 1000 // LISTEN_RATE
            self._handle(SpeechLasted(self._number, ms))

    def _hear(self, event: SpeechEvent) -> None:
        self.outcome.heard.append((self._now + LISTEN_FRAME, event))
        if isinstance(event, SpeechStarted):
            self._number = event.utterance
            self.outcome.utterances.append((event.at, self._scene.near.size))
        elif isinstance(event, SpeechEnded):
            self.outcome.utterances[-1] = (self.outcome.utterances[-1][0], event.at)
        if not isinstance(event, LevelTooLow):
            self._handle(event)

    def _handle(self, event: TurnEvent) -> None:
        for decision in self._machine.handle(event):
            match decision:
                case StartReply(reply=reply):
                    self._bot.reply, self._bot.playing = reply, True
                case PauseReply():
                    self._bot.playing = False
                    self.outcome.paused.append(self._now)
                case ResumeReply():
                    self._bot.playing = True
                case CancelReply():
                    self._bot.reply, self._bot.playing = None, False
                    self.outcome.cancelled.append(self._now)
                case FinishUtterance(utterance=number):
                    self._due.append(number)


def _pcm(signal: Signal) -> Pcm:
    return np.clip(signal, -32768, 32767).astype("<i2")


def play(scene: Scene, features: Features) -> Outcome:
    """The outcome of one scene with these features."""
    return SceneSession(scene, features).play()
