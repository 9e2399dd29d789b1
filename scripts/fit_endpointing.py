"""Fits the constants of `frontend/vdx/speech/input/end_of_turn.py` and prints them.

    vdx bench endpointing --half tuning --evidence tuning.jsonl
    .venv/bin/python scripts/fit_endpointing.py tuning.jsonl [held-back.jsonl]

The weights are a logistic regression, ends and pauses weighing alike, with a small penalty on large
weights. UNFINISHED_BELOW and FINISHED_ABOVE are the pair with the fewest cuts among those that wait
at most WAIT_MS on average at true ends, and at most the usual silence after BRIEF. A second file,
of recordings that were not fitted on, is only looked at.
"""

import itertools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "frontend"))

from vdx.bench.endpointing import scores  # noqa: E402
from vdx.bench.endpointing.evidence import Evidence, read  # noqa: E402
from vdx.bench.endpointing.rules import Rule, everything  # noqa: E402
from vdx.core.config import EndpointingConfig, VadConfig  # noqa: E402
from vdx.speech.input import end_of_turn  # noqa: E402
from vdx.speech.input.end_of_turn import EndOfTurn, Traits, Weights  # noqa: E402

WAIT_MS = 330
"""Mean wait at true ends, in ms, that the constants may cost."""
BRIEF = Traits(sound=3.6, seconds=1.66)
"""A short whole turn that nothing closes and that sounds like an end, a probability of 0.973: the
orders are long, and what is fitted on them alone would let such turns wait."""
PENALTY = 1.0
STEPS = 50
USUAL_MS = VadConfig().min_silence_duration_ms
TRAITS: dict[str, tuple[str, ...]] = {
    "PUNCTUATED": ("sound", "hanging", "full_stop", "spelled", "seconds"),
    "PLAIN": ("sound", "hanging", "spelled", "seconds"),
}


def known(evidence: Sequence[Evidence]) -> list[Evidence]:
    """The first pause of each silence of which both answers are known."""
    return [
        group[0]
        for group in scores.Heard.of(evidence).groups
        if group[0].text and group[0].probability is not None
    ]


def traits(evidence: Evidence) -> Traits:
    rules = EndOfTurn(evidence.language, EndpointingConfig(), USUAL_MS, punctuates=True)
    return rules.traits(evidence.pause)


def regression(rows: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Weights of the columns of `rows`, the first of which is all ones; Newton's method."""
    share = np.where(ends, 0.5 / ends.mean(), 0.5 / (1 - ends.mean()))
    penalty = PENALTY * np.diag([0.0, *[1.0] * (rows.shape[1] - 1)])
    weights = np.zeros(rows.shape[1])
    for _ in range(STEPS):
        done = 1 / (1 + np.exp(-rows @ weights))
        slope = rows.T @ (share * (ends - done)) - penalty @ weights
        curve = (rows * (share * done * (1 - done))[:, None]).T @ rows + penalty
        weights += np.linalg.solve(curve, slope)
    return weights


def fitted(evidence: Sequence[Evidence], names: Sequence[str]) -> Weights:
    pauses = known(evidence)
    found = [traits(each) for each in pauses]
    rows = np.array([[1.0, *(getattr(each, name) for name in names)] for each in found])
    ends = np.array([each.ends_turn for each in pauses], dtype=float)
    base, *rest = regression(rows, ends).round(2)
    return Weights(float(base), **dict(zip(names, map(float, rest), strict=True)))


def as_it_comes() -> Rule:
    return next(everything(USUAL_MS, punctuates=True))


def limits(judge: Callable[[], scores.Outcome], weights: Weights) -> tuple[float, float]:
    """The pair with the fewest cuts within WAIT_MS."""
    best = (1.0, 0.0, 0.0)
    for low, width in itertools.product(np.arange(-1.5, 1.51, 0.25), np.arange(0.25, 2.01, 0.25)):
        end_of_turn.UNFINISHED_BELOW = float(low)  # type: ignore[misc]
        end_of_turn.FINISHED_ABOVE = float(low + width)  # type: ignore[misc]
        found = judge()
        brief_ms = end_of_turn.silence_to_wait(BRIEF, weights, EndpointingConfig())
        if found.mean_wait <= WAIT_MS and brief_ms <= USUAL_MS:
            best = min(best, (found.cut_rate, float(low), float(low + width)))
    return best[1:]


def main(files: Sequence[str]) -> None:
    if not files:
        sys.exit(__doc__)
    from vdx.bench.endpointing import rules

    tuning = read(Path(files[0]))
    for name, names in TRAITS.items():
        weights = fitted(tuning, names)
        setattr(rules, name, weights)
        print(f"{name}: Final = {weights}")
    heard = scores.Heard.of(tuning)
    low, high = limits(lambda: scores.outcome(heard, as_it_comes()), rules.PUNCTUATED)
    end_of_turn.UNFINISHED_BELOW, end_of_turn.FINISHED_ABOVE = low, high  # type: ignore[misc]
    print(f"UNFINISHED_BELOW: Final = {low}\nFINISHED_ABOVE: Final = {high}")
    for file in files:
        found = scores.outcome(scores.Heard.of(read(Path(file))), as_it_comes())
        mended = found.mended.sum() / max(1, found.cut.sum())
        print(
            f"{file}: {found.cut.size} pauses, {found.cut_rate:.1%} cut, {mended:.0%} of these "
            f"mended; {found.wait.size} ends, {found.mean_wait:.0f} ms waited"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
