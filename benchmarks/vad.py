"""`python -m benchmarks vad`: interruptions, onsets and ends of turns in hard conditions.

Every scene of the corpus is played with all features of the input on, with all of them off, and
with each one off in turn. A *false barge-in* cancels a reply although nobody at the microphone
speaks, a *false pause* only pauses it; a *true barge-in* is a user's interruption that is
confirmed. Off means: webrtcvad and a fixed threshold of `min_threshold`, no echo stage; the two
steps of a barge-in are the same in all of them. Defaults were tuned on one half of the corpus; the
other one is reported.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import Any, Final

from benchmarks import vad_corpus as corpus
from benchmarks.vad_pauses import ended_report
from benchmarks.vad_play import Features, Outcome, play
from benchmarks.vad_voices import Half
from vdx.bench.figures import Report
from vdx.core.audio import LISTEN_FRAME, LISTEN_RATE
from vdx.core.config import EchoControlConfig, NoiseGateConfig, VadConfig, VoiceCheckConfig

Step = Callable[[], None]

NO_ECHO: Final = EchoControlConfig(guard=False)
ALL: Final = Features("all on")
NONE: Final = Features(
    "all off",
    VadConfig(
        state_aware_gating=False,
        noise_gate=NoiseGateConfig(enabled=False),
        voice_check=VoiceCheckConfig(enabled=False),
    ),
    NO_ECHO,
)
ONE_OFF: Final = (
    Features("no noise gate", VadConfig(noise_gate=NoiseGateConfig(enabled=False))),
    Features("no state gating", VadConfig(state_aware_gating=False)),
    Features("no voice check", VadConfig(voice_check=VoiceCheckConfig(enabled=False))),
    Features("no echo guard", echo=EchoControlConfig(guard=False, cancellation=True)),
    Features("no cancellation", echo=EchoControlConfig(guard=True)),
)
SILERO: Final = Features(
    "Silero VAD", VadConfig(voice_check=VoiceCheckConfig(enabled=False)), silero=True
)
"""In the place of webrtcvad and the voice check; all else is on."""
SILERO_CHECKED: Final = Features("Silero VAD and voice check", silero=True)
MULTIPLIERS: Final = (0.5, 1.0, 1.5, 2.0, 3.0, 4.5, 7.0)
"""Of `speaking_threshold_multiplier`, for the curve of false against true barge-ins."""
KEPT_WITHIN: Final = LISTEN_RATE * 3 // 10
"""A barge-in confirmed later than this after the end of the speech came too late."""
ONSET_WITHIN: Final = LISTEN_RATE // 2


@dataclass(slots=True)
class SceneCounts:
    """Counts of one kind of scene with one set of features."""

    scenes: int = 0
    false: int = 0
    pauses: int = 0
    true: int = 0

    def add(self, scene: corpus.Scene, outcome: Outcome) -> None:
        self.scenes += 1
        self.pauses += len(outcome.paused)
        begin, end = scene.voice or (scene.near.size, scene.near.size)
        self.false += sum(at < begin for at in outcome.cancelled)
        self.true += any(begin <= at <= end + KEPT_WITHIN for at in outcome.cancelled)


def measure(
    half: Half,
    *,
    quick: bool = False,
    silero: bool = False,
    jobs: int = 2,
    step: Step | None = None,
) -> Report:
    """Everything on one half; `quick` takes every fourth scene and leaves the curves out.

    `silero` plays everything to Silero VAD too.
    """
    others = (SILERO, SILERO_CHECKED) if silero else ()
    stride = 4 if quick else 1
    report = Report("vad", {"half": half, "quick": quick})
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:

        def run(scenes: Sequence[corpus.Scene], features: Features) -> list[Outcome]:
            found = list(pool.map(play, scenes, [features] * len(scenes), chunksize=4))
            if step is not None:
                step()
            return found

        scenes = corpus.scenes_of(half)[::stride]
        tables = {
            features.name: _counts_by_kind(scenes, run(scenes, features))
            for features in (ALL, NONE, *others, *(() if quick else ONE_OFF))
        }
        _report_barge_ins(report, tables)
        long = list(corpus.long_echo_scenes(half))[::stride]
        outcomes = run(long, replace(ALL, echo=EchoControlConfig(guard=True)))
        hits = sum(len(outcome.paused) + len(outcome.cancelled) for outcome in outcomes)
        report.add(f"self-interruptions in {len(long)} min of echo at -20 dB", "", [hits], max=0)
        onsets = list(corpus.onset_scenes(half))[::stride]
        for features in (ALL, NONE, *others):
            missed = _missed(onsets, run(onsets, features))
            report.add(f"missed onsets, {features.name}", "%", [missed])
        if not quick:
            report.samples += _curves(scenes, run)
    ended_report(report, half, step)
    path = "input path, one frame while the bot speaks"
    report.add(path, "ms", frame_costs_ms(), p95=0.2)
    report.add(f"{path}, with cancellation", "ms", frame_costs_ms(cancellation=True))
    for features in others:
        report.add(f"{path}, {features.name}", "ms", frame_costs_ms(features=features))
    return report


def _counts_by_kind(
    scenes: Sequence[corpus.Scene], outcomes: Iterable[Outcome]
) -> dict[str, SceneCounts]:
    found: dict[str, SceneCounts] = defaultdict(SceneCounts)
    for scene, outcome in zip(scenes, outcomes, strict=True):
        found[f"{scene.kind} {scene.level}".strip()].add(scene, outcome)
    return dict(found)


def _sums(table: dict[str, SceneCounts]) -> Counter[str]:
    return Counter(
        {
            "false": sum(counts.false for counts in table.values()),
            "pauses": sum(t.pauses for kind, t in table.items() if not kind.startswith("voice")),
            "true": sum(counts.true for counts in table.values()),
        }
    )


def _report_barge_ins(report: Report, tables: dict[str, dict[str, SceneCounts]]) -> None:
    on, off = _sums(tables[ALL.name]), _sums(tables[NONE.name])
    left = 100 * on["false"] / max(1, off["false"])
    lost = 100 * (1 - on["true"] / max(1, off["true"]))
    report.add("false barge-ins left, of those with all off", "%", [left], max=10)
    report.add("true barge-ins lost, of those with all off", "%", [max(0.0, lost)], max=5)
    report.add("false pauses left", "%", [100 * on["pauses"] / max(1, off["pauses"])])
    for name, table in tables.items():
        sums = _sums(table)
        report.notes.append(
            f"{name}: {sums['false']} false barge-ins, {sums['pauses']} false pauses, "
            f"{sums['true']} true barge-ins"
        )
        report.samples.append(
            {
                "features": name,
                "kinds": {
                    kind: {
                        "scenes": counts.scenes,
                        "false": counts.false,
                        "pauses": counts.pauses,
                        "true": counts.true,
                    }
                    for kind, counts in table.items()
                },
            }
        )


def _missed(scenes: Sequence[corpus.Scene], outcomes: Sequence[Outcome]) -> float:
    """Percent of users without an onset within half a second of their first loud sample."""
    missed = 0
    for scene, outcome in zip(scenes, outcomes, strict=True):
        begin, _ = scene.voice or (0, 0)
        at = begin + ONSET_WITHIN
        missed += not any(start <= at <= end for start, end in outcome.utterances)
    return 100 * missed / len(scenes)


def _curves(
    scenes: Sequence[corpus.Scene],
    run: Callable[[Sequence[corpus.Scene], Features], list[Outcome]],
) -> list[dict[str, Any]]:
    """False against true barge-ins while the threshold over a reply moves; every other scene."""
    some = scenes[::2]
    users = sum(scene.voice is not None for scene in some)
    minutes = sum(s.near.size for s in some if s.voice is None) / LISTEN_RATE / 60
    found = []
    for features in (ALL, NONE):
        points = []
        for multiplier in MULTIPLIERS:
            moved = {
                "state_aware_gating": True,
                "speaking_threshold_multiplier": multiplier,
                "barged_in_threshold_multiplier": min(multiplier, 1.2),
            }
            vad = features.vad.model_copy(update=moved)
            sums = _sums(_counts_by_kind(some, run(some, replace(features, vad=vad))))
            point = {
                "multiplier": multiplier,
                "false_per_minute": round(sums["false"] / minutes, 3),
                "pauses_per_minute": round(sums["pauses"] / minutes, 3),
                "true_share": round(sums["true"] / users, 3),
            }
            points.append(point)
        found.append({"curve": features.name, "points": points})
    return found


def steps_of(*, quick: bool, silero: bool = False) -> int:
    """How often `step` is called."""
    return (6 if quick else 10 + 2 * len(MULTIPLIERS) + 1) + 4 * silero


def frame_costs_ms(*, cancellation: bool = False, features: Features = ALL) -> list[float]:
    """Milliseconds per 20 ms frame from 24 kHz on, while the bot speaks and is heard again."""
    import numpy as np

    from vdx.core.audio import SPEAK_FRAME, SPEAK_RATE, to_pcm
    from vdx.core.events import SessionState
    from vdx.core.resample import Resampler
    from vdx.speech.input.echo_control import EchoControl

    scene = next(iter(corpus.echo_scenes("tune", cancel=False)))
    assert scene.bot is not None  # noqa: S101  # nosec B101  (the scene's maker says so)
    played = Resampler(LISTEN_RATE, SPEAK_RATE).push(scene.bot.astype(np.int16))
    wire = Resampler(LISTEN_RATE, 24_000).push((scene.bot * 0.1).astype(np.int16))
    resampler = Resampler(24_000, LISTEN_RATE)
    control = EchoControl(EchoControlConfig(guard=True, cancellation=cancellation))
    detector = features.detector()
    costs = []
    for number in range(wire.size // 480 - 1):
        now = number * 0.02
        control.add(played[number * SPEAK_FRAME : (number + 1) * SPEAK_FRAME], now)
        raw = wire[number * 480 : (number + 1) * 480].tobytes()
        began = time.perf_counter()
        frame = resampler.push(to_pcm(raw)).tobytes()
        clean, reference = control.hear(frame, (number + 1) * LISTEN_FRAME, now + 0.02)
        detector.process(clean, SessionState.SPEAKING, reference)
        costs.append((time.perf_counter() - began) * 1000)
    return costs
