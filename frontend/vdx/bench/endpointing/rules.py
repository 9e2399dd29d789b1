"""Ways to decide that a turn is over: silence alone, words alone, the endpointer alone, and all.

Each is a family of settings, swept by the bench; of a pause it gives what silence would end the
turn as its knowledge grows: first what holds without any answer, then with each answer that comes.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from vdx.bench.endpointing.evidence import Evidence
from vdx.core.audio import FRAME_MS
from vdx.core.config import EndpointingConfig
from vdx.speech.input.end_of_turn import PLAIN, PUNCTUATED, EndOfTurn, silence_to_wait

JUDGE_MS: Final = 250
"""An answer of the endpointer that takes longer does not count."""

Steps = list[tuple[float, float]]
"""(known from, silence that ends the turn), both in ms after the end of speech."""
Setting = Callable[[Evidence], Steps]


@dataclass(frozen=True, slots=True)
class Rule:
    """A way to decide with one setting, and that setting in words."""

    name: str
    setting: str
    steps: Setting

    def silence_ms(self, evidence: Evidence) -> float:
        """Silence after the detector's end of speech at which the turn ends, in whole frames."""
        steps = sorted(self.steps(evidence))
        for (known, limit), (later, _) in itertools.pairwise([*steps, (np.inf, 0.0)]):
            ends = max(known, limit)
            if ends < later:
                return float(np.ceil(ends / FRAME_MS) * FRAME_MS)
        raise AssertionError("the last step has no end")


def heard_at(evidence: Evidence) -> float:
    """When the endpointer's answer is there; infinite where it comes too late or not at all."""
    late = evidence.probability is None or evidence.heard_after_ms > JUDGE_MS
    return np.inf if late else _after(evidence, evidence.heard_after_ms)


def told_at(evidence: Evidence) -> float:
    """When the transcript is there."""
    return _after(evidence, evidence.text_after_ms)


def _after(evidence: Evidence, after_ms: float) -> float:
    return evidence.noticed_ms - evidence.speech_end_ms + after_ms


def silence_alone() -> Iterator[Rule]:
    """A fixed silence."""
    for ms in range(100, 3001, 20):
        yield Rule("silence alone", f"{ms} ms", lambda _, ms=ms: [(0.0, ms)])  # type: ignore[misc]


def words_alone(usual_ms: int) -> Iterator[Rule]:
    """The rules on words, and a silence for what they call finished."""
    for usual in range(100, 1001, 50):
        for unfinished in (800, 1000, 1200, 1400, 2000):
            decide = _words(max(usual, 20), unfinished)
            yield Rule("words alone", f"{usual} or {unfinished} ms", decide)
    yield Rule("words alone", "as it comes", _words(usual_ms, EndpointingConfig().unfinished_ms))


def _words(usual: int, unfinished: int) -> Setting:
    config = EndpointingConfig(unfinished_ms=unfinished)

    def steps(evidence: Evidence) -> Steps:
        rules = _decision(evidence, config, usual, punctuates=False)
        told = replace(evidence.pause, probability=None)
        waiting = max(usual, unfinished)
        return [(0.0, waiting), (told_at(evidence), rules.silence_ms(told) or usual)]

    return steps


def endpointer_alone() -> Iterator[Rule]:
    """As the public benchmark runs one: a threshold, a silence above it and one below it."""
    thresholds = (0.01, 0.03, 0.05, *np.arange(0.1, 1.0, 0.1), 0.95, 0.98, 0.99)
    for threshold in thresholds:
        for delay in (120, 200, 300, 400, 500, 600, 700):
            for timeout in (800, 1000, 1200, 1400, 2000, 3000):
                words = f"{threshold:.2f}: {delay} ms, else {timeout} ms"
                yield Rule("endpointer alone", words, _threshold(threshold, delay, timeout))


def _threshold(threshold: float, delay: int, timeout: int) -> Setting:
    def steps(evidence: Evidence) -> Steps:
        done = evidence.probability is not None and evidence.probability > threshold
        at = heard_at(evidence)
        return (
            [(0.0, timeout)] if at == np.inf else [(0.0, timeout), (at, delay if done else timeout)]
        )

    return steps


def everything(usual_ms: int, *, punctuates: bool) -> Iterator[Rule]:
    """The server's own decision: as it comes, and more or less patient."""
    yield Rule("all", "as it comes", _all(EndpointingConfig(), usual_ms, 0.0, punctuates))
    for shift in np.arange(-2.5, 2.51, 0.125):
        for unfinished in (800, 1000, 1400, 2000):
            config = EndpointingConfig(unfinished_ms=unfinished)
            words = f"log-odds {shift:+.3f}, {unfinished} ms"
            yield Rule("all", words, _all(config, usual_ms, float(shift), punctuates))


def _all(config: EndpointingConfig, usual: int, shift: float, punctuates: bool) -> Setting:
    told_weights = PUNCTUATED if punctuates else PLAIN
    told_weights = replace(told_weights, base=told_weights.base + shift)

    def steps(evidence: Evidence) -> Steps:
        rules = _decision(evidence, config, usual, punctuates=punctuates)
        pause, told, heard = evidence.pause, told_at(evidence), heard_at(evidence)
        plain = rules.silence_ms(replace(pause, probability=None)) or usual
        waiting = (0.0, max(usual, config.unfinished_ms))
        if not pause.text or heard == np.inf:
            return [waiting, (told, plain)]
        both = silence_to_wait(rules.traits(pause), told_weights, config)
        if told < heard:
            return [waiting, (told, plain), (heard, both)]
        return [waiting, (told, both)]

    return steps


def _decision(
    evidence: Evidence, config: EndpointingConfig, usual: int, *, punctuates: bool
) -> EndOfTurn:
    return EndOfTurn(evidence.language, config, usual, punctuates=punctuates)
