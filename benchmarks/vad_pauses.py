"""Turns with a pause to think: how often a user is cut off, and the wait after a finished turn.

Each recording is parted between two words of a phrase and 0.4 to 1.2 s of the room are put there.
The words are those that the recogniser would know at that place: what was said (`said`, a
recogniser that understands), or what pocketsphinx made of it (`heard`), both recorded in
`data/words.json` by `scripts/align_words.py`.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

import numpy as np

from benchmarks.recordings import DATA
from benchmarks.vad_corpus import room
from benchmarks.vad_noises import Signal
from benchmarks.vad_voices import VOICE_RMS, Half, active_rms, chance_of, half_of, read
from vdx.bench.figures import Report
from vdx.client.recording import loud_span
from vdx.core.audio import LISTEN_FRAME, LISTEN_RATE
from vdx.core.config import BargeInConfig, EndpointingConfig, VadConfig
from vdx.core.events import (
    LevelTooLow,
    SessionState,
    SpeechPaused,
    Transcript,
    TranscriptKind,
)
from vdx.dialog.policy import TurnPolicy
from vdx.dialog.turn import TurnMachine
from vdx.dialog.turn_decisions import (
    FinishUtterance,
    SetEndpoint,
    TurnDecision,
)
from vdx.speech.input.end_of_turn import EndOfTurn
from vdx.speech.input.vad import SpeechDetector
from vdx.speech.text.lexicon import Lexicon

Words = Literal["said", "heard"]

PHRASES: Final = {
    "ljspeech_0002": "in being comparatively modern",
    "ljspeech_0008": "has never been surpassed",
    "ps_cards_001": "ten of clubs",
    "ps_cards_002": "four | queen of clubs",
    "ps_goforward": "go forward | ten meters",
    "ps_librivox_0870": "and mister john dashwood | had then leisure | to consider | how much |"
    " there might be | prudently | in his power | to do for them",
    "ps_librivox_0880": "he was not | an ill disposed young man",
    "ps_librivox_0930": "he might even have been made | amiable | himself",
    "ps_something": "go somewhere | and do something",
    "ps_tidigits_2934z": "two nine three four zero",
    "rhasspy_lamp": "turn on | the living room lamp",
}
"""The recordings in phrases: noun, verb and prepositional groups, by hand, by the text alone."""
PAUSES_S: Final = (0.4, 0.6, 0.8, 1.0, 1.2)
ANSWER_FRAMES: Final = 2
"""How long the recogniser takes to answer a pause: 40 ms."""
KNOWN_SHARE: Final = 0.6
USUAL_MS: Final = VadConfig().min_silence_duration_ms
FADE: Final = LISTEN_RATE // 200


@dataclass(frozen=True, slots=True)
class Pause:
    """A recording with a pause, or without one where `pause_s` is 0.

    `texts` are what is known from a sample on; `speech_end` is the last loud sample.
    """

    name: str
    signal: Signal
    texts: tuple[tuple[int, str], ...]
    speech_end: int
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How often the bot would have spoken before the end, and its wait after it, in ms."""

    cuts: int
    gap_ms: float


@lru_cache(maxsize=1)
def _recorded() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = json.loads((DATA / "words.json").read_text())
    return found


def names_of(half: Half | None) -> list[str]:
    return [n for i, n in enumerate(sorted(PHRASES)) if half is None or half_of(i) == half]


def _scaled(name: str) -> Signal:
    signal = read(f"{name}.wav")
    return signal * VOICE_RMS / active_rms(signal)


def _texts(name: str, words: Words, at: int, shift: int) -> Iterator[tuple[int, str]]:
    """Each prefix of the words with the sample where it is known; those after `at` come later.

    A word is known when most of it was said: aligners count the breath after the last one to it.
    """
    said: list[str] = []
    for word in _recorded()[name]:
        said.append(word["word"])
        middle = (word["start"] + word["end"]) * LISTEN_RATE // 2000
        known = word["start"] + KNOWN_SHARE * (word["end"] - word["start"])
        text = " ".join(said) if words == "said" else word["heard"]
        yield int(known * LISTEN_RATE / 1000) + (shift if middle > at else 0), text


def _placed(name: str, signal: Signal, texts: list[tuple[int, str]], pause_s: float) -> Pause:
    """In a room, with a second before it and two behind."""
    chance = chance_of(f"{name}-{pause_s:g}-{signal.size}")
    lead = LISTEN_RATE
    whole = room(lead + signal.size + 2 * LISTEN_RATE, chance)
    whole[lead : lead + signal.size] += signal
    _, end_of_speech = loud_span(signal.astype(np.int16), LISTEN_RATE)
    ends = tuple((lead + end, text) for end, text in texts)
    return Pause(name, whole, ends, lead + end_of_speech, pause_s)


def finished(half: Half | None, words: Words) -> list[Pause]:
    """The recordings as they are."""
    return [
        _placed(name, _scaled(name), list(_texts(name, words, 0, 0)), 0.0)
        for name in names_of(half)
    ]


def thinking(half: Half | None, words: Words, *, anywhere: bool = False) -> list[Pause]:
    """One scene for each place in a phrase; `anywhere` also takes those between two phrases."""
    found = []
    for name in names_of(half):
        signal = _scaled(name)
        for number, at in _places(name, signal, anywhere=anywhere):
            pause_s = PAUSES_S[(number + len(name)) % len(PAUSES_S)]
            length = int(pause_s * LISTEN_RATE)
            ramp = np.linspace(1, 0, FADE)
            first, rest = signal[:at].copy(), signal[at:].copy()
            first[-FADE:] *= ramp
            rest[:FADE] *= ramp[::-1]
            parted = np.concatenate([first, np.zeros(length), rest])
            texts = list(_texts(name, words, at, length))
            found.append(_placed(f"{name}-{number}", parted, texts, pause_s))
    return found


def _places(name: str, signal: Signal, *, anywhere: bool) -> Iterator[tuple[int, int]]:
    """Number of the word before the pause, and the quietest sample between it and the next."""
    words = _recorded()[name]
    borders, count = set(), 0
    for phrase in PHRASES[name].split("|"):
        count += len(phrase.split())
        borders.add(count)
    for number in range(1, len(words)):
        if number in borders and not anywhere:
            continue
        low = (words[number - 1]["end"] - 30) * LISTEN_RATE // 1000
        high = (words[number]["start"] + 30) * LISTEN_RATE // 1000
        power = np.convolve(signal[low:high] ** 2, np.ones(FADE), "same")
        yield number, low + int(np.argmin(power))


def policy_of(endpointing: EndpointingConfig) -> TurnPolicy:
    lexicon = Lexicon("en", BargeInConfig())
    return TurnPolicy(
        interrupts=lexicon.interrupts,
        only_sounds=lexicon.only_listening_sounds,
        silence_ms=EndOfTurn("en", endpointing, USUAL_MS, punctuates=False).silence_ms
        if endpointing.enabled
        else lambda _: 0,
    )


def listen(pause: Pause, endpointing: EndpointingConfig) -> Ended:
    """Hears a user to the end, with the words coming as from a recogniser."""
    detector, machine = SpeechDetector(VadConfig()), TurnMachine(policy_of(endpointing))
    answers: list[tuple[int, Transcript]] = []
    cuts, gap = 0, 0.0
    for start in range(0, pause.signal.size - LISTEN_FRAME + 1, LISTEN_FRAME):
        position = start + LISTEN_FRAME
        decisions: list[TurnDecision] = []
        while answers and answers[0][0] <= position:
            decisions += machine.handle(answers.pop(0)[1])
        frame = np.clip(pause.signal[start:position], -32768, 32767).astype("<i2").tobytes()
        for event in detector.process(frame, SessionState.LISTENING):
            if isinstance(event, LevelTooLow):
                continue
            decisions += machine.handle(event)
            if isinstance(event, SpeechPaused):
                due = position + ANSWER_FRAMES * LISTEN_FRAME
                # It has heard the silence so far as well, and what was too soft for the VAD.
                answers.append((due, _answer(pause, event.utterance, position)))
        for decision in decisions:
            if isinstance(decision, SetEndpoint):
                detector.set_endpoint(decision.silence_ms)
            elif isinstance(decision, FinishUtterance):
                text = _answer(pause, decision.utterance, position).text
                if position < pause.speech_end:
                    cuts += bool(text)  # without a word the bot says nothing
                else:
                    gap = (position - pause.speech_end) * 1000 / LISTEN_RATE
    return Ended(cuts, gap)


def _answer(pause: Pause, utterance: int, at: int) -> Transcript:
    known = [text for from_here, text in pause.texts if from_here <= at]
    text = known[-1] if known else ""
    return Transcript(utterance, text, 0, 0, TranscriptKind.PAUSE)


def ended_report(report: Report, half: Half | None, step: Callable[[], None] | None) -> None:
    """Cuts and gaps on one half (None for both), with the rules and with a fixed 300 ms."""
    rules, fixed = EndpointingConfig(), EndpointingConfig(enabled=False)
    sources: tuple[tuple[Words, str], ...] = (
        ("said", "words as said"),
        ("heard", "pocketsphinx's words"),
    )
    for words, who in sources:
        for anywhere, where in ((False, "in a phrase"), (True, "between any two words")):
            scenes = thinking(half, words, anywhere=anywhere)
            on, off = (sum(listen(p, e).cuts > 0 for p in scenes) for e in (rules, fixed))
            name = f"turn cuts left, pauses {where}, {who}"
            reach = {} if anywhere else {"max": 50.0}
            report.add(name, "%", [100 * on / max(1, off)], **reach)
            report.notes.append(
                f"pauses {where}, {who}: {on} of {len(scenes)} cut, {off} with a fixed 300 ms"
            )
    sentences = finished(None, "said")  # too few in a half, and nothing is tuned on them
    gaps = [listen(sentence, rules).gap_ms for sentence in sentences]
    report.add("turn gap on finished sentences", "ms", gaps, median=340)
    report.add(
        "turn gap on finished sentences, fixed 300 ms",
        "ms",
        [listen(sentence, fixed).gap_ms for sentence in sentences],
    )
    if step is not None:
        step()
