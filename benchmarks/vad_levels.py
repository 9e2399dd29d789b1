"""`python -m benchmarks vad --levels`: the corpus as microphones of other gain hear it.

All that a microphone hears, speech, noise and echo, is scaled, from -18 to +6 dB; at 0 dB a person
is at an ordinary level (2,400 RMS at the 90th percentile over 20 ms, about). And strangers: bundled
recordings that talk without pause over a reply of 12 s, from its beginning and without a word
before it, over 8 RMS of noise, at 300 to 4,800 RMS; no echo, and the defaults as they come. The
goals are for people whose speech is at least CLEAR_DB over the noise around it, and the first of
the features compared; the others are what it is compared with.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from typing import Final

import numpy as np

from benchmarks import vad_corpus as corpus
from benchmarks.vad_play import Features, Outcome, play
from benchmarks.vad_voices import Half, bots_of, chance_of, levels_of, read
from vdx.bench.figures import Report
from vdx.core.audio import LISTEN_RATE
from vdx.core.config import EchoControlConfig

LEVELS_DB: Final = (-18.0, -12.0, -6.0, 0.0, 6.0)
ORDINARY_P90: Final = 2_400.0
OFF: Final = "all off"
"""Name of the features that false ones are compared with."""
STRANGERS: Final = ("ps_librivox_0870", "silero_test", "ps_librivox_0880", "ljspeech_0002")
STRANGERS_NOISE: Final = 8.0
TALK_S: Final = 16
REPLY_S: Final = 12
LEAD: Final = LISTEN_RATE // 2
DEFAULTS: Final = Features("as it comes", echo=EchoControlConfig())
KEPT_WITHIN: Final = LISTEN_RATE * 3 // 10
CLEAR_DB: Final = 10.0
KEPT: Final = 95.0
"""Percent of the clear barge-ins, at least, to be reached; LEFT is of the false ones with all off,
at most, and SILENT_MS the median from the onset to the reply's pause."""
LEFT: Final = 10.0
SILENT_MS: Final = 150.0


def at_level(scene: corpus.Scene, level_db: float) -> corpus.Scene:
    """The scene as a microphone of another gain hears it."""
    gain = 10 ** (level_db / 20)
    echo = None if scene.echo is None else scene.echo * gain
    return replace(scene, near=scene.near * gain, echo=echo)


def strangers(level_db: float) -> Iterator[corpus.Scene]:
    """Recordings that talk over a reply from its beginning, at this level over the same noise."""
    for name in STRANGERS:
        voice = read(f"{name}.wav")
        voice *= ORDINARY_P90 * 10 ** (level_db / 20) / np.percentile(levels_of(voice), 90)
        size = TALK_S * LISTEN_RATE
        near = chance_of(name).normal(0.0, STRANGERS_NOISE, LEAD + size + LISTEN_RATE)
        near[LEAD : LEAD + size] += np.resize(voice, size)
        bot = np.resize(bots_of("tune")[0][1], REPLY_S * LISTEN_RATE)
        kind = "stranger over a reply"
        yield corpus.Scene(name, kind, "", "tune", near, (LEAD, LEAD + size), bot, LEAD)


def measure(
    half: Half,
    compared: Sequence[Features],
    *,
    quick: bool = False,
    jobs: int = 2,
    step: Callable[[], None] | None = None,
) -> Report:
    """Barge-ins kept and false ones at each level, of each set of features."""
    report = Report("vad-levels", {"half": half, "quick": quick})
    scenes = corpus.scenes_of(half)[:: 4 if quick else 1]
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:

        def run(some: Sequence[corpus.Scene], features: Features) -> list[Outcome]:
            return list(pool.map(play, some, [features] * len(some), chunksize=4))

        for level in LEVELS_DB:
            scaled = [at_level(scene, level) for scene in scenes]
            counts = [Counts.of(scaled, run(scaled, features)) for features in compared]
            for features, count in zip(compared, counts, strict=True):
                has_goals = features is compared[0]
                count.tell(report, f"{level:+g} dB, {features.name}", has_goals=has_goals)
            off = next((c for f, c in zip(compared, counts, strict=True) if f.name == OFF), None)
            if off is not None:
                left = 100 * counts[0].false / max(1, off.false)
                report.add(f"false barge-ins left, {level:+g} dB", "%", [left], max=LEFT)
            new = list(strangers(level))
            _strangers(report, level, new, run(new, DEFAULTS))
            if step is not None:
                step()
    return report


def clear_of_noise(scene: corpus.Scene) -> bool:
    """Whether the interruption is CLEAR_DB over what sounds between the bot's onset and its own."""
    begin, end = scene.voice or (0, 0)
    noise = float(np.mean(scene.near[scene.bot_starts : begin] ** 2))
    speech = float(np.mean(scene.near[begin:end] ** 2)) - noise
    return speech >= noise * 10 ** (CLEAR_DB / 10)


@dataclass(slots=True)
class Counts:
    """What happened with one set of features at one level.

    `kept` of `users` interruptions were understood, `clear_kept` of `clear` of those that are clear
    of the noise; `stops` are ms from their onset to the reply's pause.
    """

    users: int = 0
    kept: int = 0
    clear: int = 0
    clear_kept: int = 0
    false: int = 0
    pauses: int = 0
    stops: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, scenes: Sequence[corpus.Scene], outcomes: Sequence[Outcome]) -> "Counts":
        counts = cls()
        for scene, outcome in zip(scenes, outcomes, strict=True):
            counts._add(scene, outcome)
        return counts

    def _add(self, scene: corpus.Scene, outcome: Outcome) -> None:
        begin, end = scene.voice or (scene.near.size, scene.near.size)
        self.false += sum(at < begin for at in outcome.cancelled)
        self.pauses += sum(at < begin for at in outcome.paused)
        if scene.voice is None:
            return
        kept = any(begin <= at <= end + KEPT_WITHIN for at in outcome.cancelled)
        is_clear = clear_of_noise(scene)
        self.users += 1
        self.kept += kept
        self.clear += is_clear
        self.clear_kept += kept and is_clear
        self.stops += [(at - begin) / 16 for at in outcome.paused if at >= begin][:1]

    def tell(self, report: Report, where: str, *, has_goals: bool) -> None:
        """Adds the figures of these features at this level."""
        kept, stops = ({"min": KEPT}, {"median": SILENT_MS}) if has_goals else ({}, {})
        share = 100 * self.clear_kept / max(1, self.clear)
        report.add(f"true barge-ins kept, {where}", "%", [share], **kept)
        report.add(f"onset to the reply's pause, {where}", "ms", self.stops, **stops)
        report.notes.append(
            f"{where}: {self.false} false barge-ins, {self.pauses} false pauses, {self.kept} of "
            f"{self.users} true ones, {self.clear_kept} of {self.clear} clear of the noise"
        )


def _strangers(
    report: Report, level: float, scenes: Sequence[corpus.Scene], outcomes: Sequence[Outcome]
) -> None:
    ends = [scene.voice[0] + REPLY_S * LISTEN_RATE if scene.voice else 0 for scene in scenes]
    let_in = [
        (outcome.cancelled[0] - LEAD) / 16
        for end, outcome in zip(ends, outcomes, strict=True)
        if outcome.cancelled and outcome.cancelled[0] <= end
    ]
    report.add(f"strangers let in after, {level:+g} dB", "ms", let_in)
    report.notes.append(f"{level:+g} dB: {len(let_in)} of {len(scenes)} strangers let in")
