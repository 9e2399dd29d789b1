"""Asks the models about every pause of a corpus, and scores the ways to decide."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vdx.bench.endpointing import evidence as asked
from vdx.bench.endpointing import rules, scores
from vdx.bench.endpointing.evidence import Evidence, TritonModels
from vdx.bench.endpointing.own_corpus import own_parts
from vdx.bench.endpointing.public_layout import public_parts
from vdx.bench.endpointing.turns import Half, Part
from vdx.bench.figures import Report
from vdx.core.config import TritonConfig, VadConfig
from vdx.core.errors import UnknownName
from vdx.core.paths import locate
from vdx.serving.triton import TritonClient

WAITS_MS: Final = (300, 600)
CUT_RATES: Final = (0.05, 0.10)
DEFAULT: Final = "as it comes"
ALONE, ALL = "endpointer alone", "all"
MOST_CUT: Final = {300: 25.0, 600: 12.0}
"""Percent of the pauses, of all that is known, by mean wait in ms; to be reached on the held-back
half of the own corpus."""
OF_ALONE: Final = 200 / 3
"""Percent of the cuts of the endpointer alone on the same pauses, to be reached too."""

_FULL_STOP: Final = re.compile(r"[.!?]$")
Step = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured: a folder in the public layout, or a half of the own corpus (None).

    `endpointer` may be empty. `keep` is a file for what the models said, `curves` one for a plot.
    """

    folder: Path | None
    half: Half
    language: str
    recogniser: str
    endpointer: str
    keep: Path | None = None
    curves: Path | None = None

    def parts(self) -> list[Part]:
        """The turns in parts, to be read one after the other.

        Raises:
            UnknownName: there is no such corpus; the own one is only in a checkout.
        """
        if self.folder is not None:
            return public_parts(self.folder, self.language)
        paths = locate()
        if not paths.is_checkout:
            raise UnknownName(
                "the bench's own recordings are only in a checkout of vdx; name a FOLDER in the "
                "layout of livekit/eot-bench-data",
                param="folder",
            )
        return own_parts(paths.data / "benchmarks" / "data", self.half)


async def measure(config: TritonConfig, plan: Plan, parts: Sequence[Part], step: Step) -> Report:
    """The report; `step` is called after each part.

    Raises:
        TritonError: a model did not answer.
    """
    found: list[Evidence] = []
    async with TritonClient(config) as client:
        for name in filter(None, (plan.recogniser, plan.endpointer)):
            await client.load(name)
        info = await client.describe(plan.recogniser)
        models = TritonModels(client, plan.recogniser, plan.endpointer)
        for part in parts:
            found += [each async for each in asked.gather(part(), VadConfig(), models)]
            if plan.keep is not None:  # after each part: who ends the bench keeps what there is
                asked.write(plan.keep, found)
            step()
    return score(found, plan, punctuates=info.can("punctuation"))


async def score_again(plan: Plan, file: Path, step: Step) -> Report:
    """The report of what an earlier run kept in `file`, without asking anybody.

    The delays of the answers are those of that run.

    Raises:
        InvalidInput: `file` holds something else.
    """
    found = asked.read(file)
    step()
    return score(found, plan, punctuates=any(_FULL_STOP.search(each.text) for each in found))


def score(found: Iterable[Evidence], plan: Plan, *, punctuates: bool) -> Report:
    """Every way to decide at its operating points, and its curve."""
    options: dict[str, Any] = {
        "folder": str(plan.folder or f"own corpus, {plan.half} half"),
        "recogniser": plan.recogniser,
        "endpointer": plan.endpointer,
    }
    report = Report("endpointing", options)
    evidence = list(found)
    heard = scores.Heard.of(evidence)
    pauses, ends = int((~heard.ends).sum()), int(heard.ends.sum())
    report.notes.append(
        f"{pauses} pauses and {ends} ends of {len(set(heard.recordings))} recordings"
    )
    curves, ways = {}, {}
    has_goals = plan.folder is None and plan.half == "held-back"
    for outcomes in _outcomes(heard, punctuates=punctuates):
        name = outcomes[0].rule.name
        ways[name] = outcomes
        curves[name] = scores.frontier(outcomes)
        _add_points(report, heard, outcomes, MOST_CUT if has_goals and name == ALL else {})
        report.samples.append({"rule": name, "curve": curves[name]})
    for wait in WAITS_MS:
        _compare(report, heard, ways, wait, {"median": OF_ALONE} if has_goals else {})
    report.add("transcript, from the pause noticed", "ms", [e.text_after_ms for e in evidence])
    answers = [e.heard_after_ms for e in evidence if e.probability is not None]
    report.add("endpointer, from the pause noticed", "ms", answers)
    if plan.curves is not None:
        from vdx.bench.endpointing.curves import draw

        draw(curves, plan.curves)
    return report


def _outcomes(heard: scores.Heard, *, punctuates: bool) -> list[list[scores.Outcome]]:
    usual = VadConfig().min_silence_duration_ms
    families: list[Iterable[rules.Rule]] = [
        rules.silence_alone(),
        rules.words_alone(usual),
        rules.endpointer_alone(),
        rules.everything(usual, punctuates=punctuates),
    ]
    return [[scores.outcome(heard, rule) for rule in family] for family in families]


def _add_points(
    report: Report,
    heard: scores.Heard,
    outcomes: Sequence[scores.Outcome],
    most_cut: Mapping[int, float],
) -> None:
    name = outcomes[0].rule.name
    for wait in WAITS_MS:
        found = scores.fewest_cuts(outcomes, wait)
        goal = {"median": most_cut[wait]} if wait in most_cut else {}
        _add_point(report, heard, f"{name}: cuts at {wait} ms", "%", found, **goal)
    for rate in CUT_RATES:
        found = scores.shortest_wait(outcomes, rate)
        _add_point(report, heard, f"{name}: wait at {rate:.0%} cuts", "ms", found)
    for found in outcomes:
        if found.rule.setting == DEFAULT:
            _add_point(report, heard, f"{name}, {DEFAULT}: cuts", "%", found)
            report.add(f"{name}, {DEFAULT}: wait", "ms", [found.mean_wait])


def _compare(
    report: Report,
    heard: scores.Heard,
    ways: Mapping[str, Sequence[scores.Outcome]],
    wait: int,
    goal: Mapping[str, float],
) -> None:
    """The cuts of all against those of the endpointer alone, of the same recordings."""
    whole = scores.fewest_cuts(ways[ALL], wait)
    alone = scores.fewest_cuts(ways[ALONE], wait)
    if whole is None or alone is None or not alone.cut.any():
        return
    name = f"cuts at {wait} ms, of those of the endpointer alone"
    low, high = scores.ratio_interval(heard, whole, alone)
    report.add(name, "%", [100 * whole.cut_rate / alone.cut_rate], **goal)
    report.notes.append(f"{name}: 95 %: {low:.0%} to {high:.0%}")


def _add_point(
    report: Report,
    heard: scores.Heard,
    name: str,
    unit: str,
    found: scores.Outcome | None,
    **goal: float,
) -> None:
    """One operating point, and beside it its setting and its intervals."""
    if found is None:
        report.add(name, unit, [], **goal)
        return
    report.add(name, unit, [100 * found.cut_rate if unit == "%" else found.mean_wait], **goal)
    (few, many), (short, long) = scores.intervals(heard, found)
    mended = int(found.mended.sum())
    report.notes.append(
        f"{name}: {found.rule.setting}; {found.cut_rate:.1%} cut (95 %: {few:.1%} to {many:.1%}), "
        f"{mended} of {int(found.cut.sum())} mended, waits {found.mean_wait:.0f} ms "
        f"(95 %: {short:.0f} to {long:.0f})"
    )
