"""What a fuzzing run found."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from vdx.bench.figures import Report
from vdx.core.errors import SetupError

KEPT = 20
"""Findings told in full; the others are only counted."""
SHOWN = 2_000
ANSWER_S = 30.0
"""What takes longer to be answered hangs."""


@dataclass(slots=True)
class Findings:
    """Counts what was sent, what came back, and everything that must not happen."""

    what: str
    sent: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    samples: list[dict[str, Any]] = field(default_factory=list)

    def found(self, kind: str, detail: str, sent: object = None) -> None:
        """Something that must not happen: a `kind` of it, and how to see it again."""
        self.wrong[kind] += 1
        if len(self.samples) < KEPT:
            self.samples.append(
                {"kind": kind, "detail": detail[:SHOWN], "sent": repr(sent)[:SHOWN]}
            )

    def report(self, options: dict[str, Any]) -> Report:
        report = Report(f"fuzz {self.what}", options)
        report.add(f"{self.what} sent", self.what, [float(self.sent)])
        report.add("crashes, hangs, errors without a code", "", [float(self.wrong.total())], max=0)
        told = ", ".join(f"{name} {count}" for name, count in self.answers.most_common(12))
        report.notes.append(f"answers: {told}")
        report.notes += [f"{kind}: {count}" for kind, count in self.wrong.items()]
        report.samples = self.samples
        return report


def require_libraries() -> None:
    """Raises SetupError where the libraries that make up hostile input are absent."""
    import importlib.util

    for name in ("hypothesis", "schemathesis"):
        if importlib.util.find_spec(name) is None:
            raise SetupError(f"fuzzing needs {name}: pip install hypothesis schemathesis")
