"""The pauses that the detector of the server finds in a turn, and when it notices them."""

from collections.abc import Iterator
from dataclasses import dataclass

from vdx.bench.endpointing.turns import Silence, Turn
from vdx.core.audio import LISTEN_FRAME, LISTEN_RATE
from vdx.core.config import AsrConfig, VadConfig
from vdx.core.events import Pcm, SessionState, SpeechPaused, SpeechResumed, SpeechStarted
from vdx.speech.input.vad import SpeechDetector

PATIENT_MS = 60_000
"""Silence after which this detector ends an utterance: never, so that all of a turn is one."""
SAMPLES_PER_MS = LISTEN_RATE / 1000


@dataclass(frozen=True, slots=True)
class FoundPause:
    """A pause of the detector, in ms from the start of the turn.

    It began at `speech_end_ms`, was noticed at `noticed_ms`, and at `resumed_ms` speech had come
    back (None: never). `heard` is the utterance's audio until it was noticed, which is what
    recogniser and endpointer are asked about. `turn_ms` of speech came before the pause, and
    `rest_ms` from where speech came back to the end of the turn's audio or its next silence.
    """

    silence: Silence
    speech_end_ms: float
    noticed_ms: float
    resumed_ms: float | None
    heard: Pcm
    turn_ms: int
    rest_ms: float


def listen(turn: Turn, vad: VadConfig) -> Iterator[FoundPause]:
    """Every pause that the detector finds in one of the turn's silences."""
    detector = SpeechDetector(vad.model_copy(update={"min_silence_duration_ms": PATIENT_MS}))
    onset, opened = 0, None
    for start in range(0, turn.pcm.size - LISTEN_FRAME + 1, LISTEN_FRAME):
        frame = turn.pcm[start : start + LISTEN_FRAME].astype("<i2").tobytes()
        for event in detector.process(frame, SessionState.LISTENING):
            now = detector.position / SAMPLES_PER_MS
            if isinstance(event, SpeechStarted):
                onset = event.at
            elif isinstance(event, SpeechPaused):
                opened = (event.at / SAMPLES_PER_MS, now)
            elif isinstance(event, SpeechResumed) and opened is not None:
                yield from _found(turn, onset, *opened, now)
                opened = None
    if opened is not None:
        yield from _found(turn, onset, *opened, None)


def _found(
    turn: Turn, onset: int, speech_end_ms: float, noticed_ms: float, resumed_ms: float | None
) -> Iterator[FoundPause]:
    begin = max(0, onset - AsrConfig().pre_roll_ms * LISTEN_RATE // 1000)
    for silence in turn.silences:
        gone_on = resumed_ms is not None and resumed_ms <= silence.start_ms
        if noticed_ms < silence.end_ms and not gone_on:
            yield FoundPause(
                silence,
                speech_end_ms,
                noticed_ms,
                resumed_ms,
                turn.pcm[begin : round(noticed_ms * SAMPLES_PER_MS)],
                round(speech_end_ms - onset / SAMPLES_PER_MS),
                _rest_ms(turn, silence),
            )


def _rest_ms(turn: Turn, silence: Silence) -> float:
    """How long the person speaks after a silence, up to the next one that is judged."""
    later = [each.start_ms for each in turn.silences if each.start_ms > silence.start_ms]
    return max(0.0, min([turn.seconds * 1000, *later]) - silence.end_ms)
