"""`python -m benchmarks grammar`: how long a recogniser with a grammar takes to load.

pocketsphinx loads every word of its dictionary; vdx reduces it to the words of the vocabulary. Both
are measured, each in a new process, by `triton_backends.pocketsphinx.check`.
"""

import asyncio

from benchmarks.recordings import DATA
from vdx.bench.client_process import Step
from vdx.bench.figures import Report
from vdx.core.paths import locate
from vdx.serving.grammars import check

VOCABULARIES = {"grammar": "robot.jsgf", "language model": "robot.txt"}


async def measure(rounds: int, step: Step | None = None) -> Report:
    """`rounds` decoders of a grammar and of a small language model, pruned and not."""
    report = Report("grammar", {"rounds": rounds})
    for prune in (True, False):
        words = "pruned" if prune else "whole"
        for name, file in VOCABULARIES.items():
            found = []
            for _ in range(rounds):
                found.append(
                    await asyncio.to_thread(check, locate(), DATA / file, None, prune=prune)
                )
                if step is not None:
                    step()
            reach = {"median": 50.0} if prune else {}
            times = [one.decoder_ms for one in found]
            report.add(f"decoder of a {name}, {words} dictionary", "ms", times, **reach)
            if prune:
                read = [one.read_ms for one in found]
                report.add(f"  reading and pruning for a {name}", "ms", read)
            report.notes.append(f"{name}, {words}: {found[0].pronunciations} pronunciations")
    return report
