"""Every bench: its line of help, and how `make bench` runs it.

To add one, write its function in `vdx.cli.bench.conversations` or `vdx.cli.bench.models` and add a
line to `BENCHES`. The report then holds its figures; a plot of them is one more line in
`vdx.bench.plots`.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """Arguments of one run of a bench; `quick` are those of `make bench ARGS=--quick`."""

    full: str = ""
    quick: str = ""


@dataclass(frozen=True, slots=True)
class Bench:
    """A command and what the report runs of it."""

    help: str
    runs: tuple[Run, ...]
    call: tuple[str, ...] = ()
    """What follows `python -m`; empty for `vdx bench` and the command's name."""


Benches = Mapping[str, Bench]


def arguments(command: str, benches: Benches) -> list[str]:
    """What a Python interpreter is given for a command such as "turn --rounds 10"."""
    name, *options = shlex.split(command)
    return ["-m", *(benches[name].call or ("vdx.cli", "bench", name)), *options]


def shown(command: str, benches: Benches) -> str:
    """The command as typed: "vdx bench turn --rounds 10"."""
    name, _, options = command.partition(" ")
    call = benches[name].call if name in benches else ()
    start = f"python -m {' '.join(call)}" if call else f"vdx bench {name}"
    return f"{start} {options}".strip()


BENCHES: dict[str, Bench] = {
    "start": Bench(
        "How long `vdx up` takes to ready.",
        (Run("--rounds 5", quick="--rounds 1"),),
    ),
    "turn": Bench(
        "End of speech to the first audio of the answer.",
        (
            Run("--rounds 10", quick="--rounds 1"),
            Run("--rounds 3 --sessions 4", quick="--rounds 1 --sessions 2"),
            Run("--rounds 10 --fixed-silence", quick="--rounds 1 --fixed-silence"),
            Run("--rounds 10 --light", quick="--rounds 1 --light"),
            Run("--rounds 5 --llm", quick="--rounds 1 --llm"),
        ),
    ),
    "orders": Bench(
        "Spoken orders: cut off, and what was understood.",
        (Run("--sessions 2", quick="--count 2"), Run("--sessions 2 --hot-words", quick="")),
    ),
    "partials": Bench(
        "Onset of speech to the first words shown.",
        (Run("--rounds 5", quick="--rounds 1"),),
    ),
    "bargein": Bench(
        "Onset of interrupting speech to silence.",
        (
            Run("--rounds 10", quick="--rounds 1"),
            Run("--rounds 10 --light", quick="--rounds 1 --light"),
        ),
    ),
    "rooms": Bench(
        "What a LiveKit room adds to a turn and a barge-in.",
        (Run("--rounds 10 --light", quick="--rounds 1 --light"),),
    ),
    "telephone": Bench(
        "What 8 kHz of a telephone change, words included.",
        (Run("--rounds 10", quick="--rounds 1 --light"), Run("--rounds 10 --light")),
    ),
    "false-bargein": Bench(
        'A 300 ms "uh" during the reply.',
        (Run("--rounds 10", quick="--rounds 1"),),
    ),
    "tools": Bench(
        "What a tool's call adds, and barge-in meanwhile.",
        (Run("--rounds 10", quick="--rounds 1"),),
    ),
    "interruptions": Bench(
        "Audio of cancelled replies heard afterwards.",
        (Run("--count 1000", quick="--count 16"),),
    ),
    "jitter": Bench(
        "How evenly audio arrives, and CPU a session.",
        (Run("--sessions 16", quick="--sessions 2 --seconds 10"),),
    ),
    "sessions": Bench(
        "What sessions cost, and what stays behind.",
        (
            Run(quick="--connects 5"),
            *(
                Run(f"--cost --sessions {count}", quick=f"--cost --sessions {count} --seconds 9")
                for count in (1, 4, 8, 16)
            ),
            Run("--churn 500", quick="--churn 16"),
        ),
    ),
    "soak": Bench(
        "Talks for long: what grows, and what gets slower.",
        (Run("--minutes 60", quick="--minutes 1 --sessions 2 --light"),),
    ),
    "observed": Bench(
        "What traces and JSON logs cost a turn.",
        (Run("--light", quick="--light --rounds 1 --sessions 2"),),
    ),
    "refused": Bench(
        "People talk while somebody tries wrong keys.",
        (Run("--light", quick="--light --rounds 1"),),
    ),
    "plan": Bench(
        "How far `vdx plan` is off on this machine.",
        (Run(), Run("--light --fixed-silence", quick="--light --rounds 2 --users 2")),
    ),
    "faults": Bench(
        "Each process killed and frozen in mid-turn.",
        (
            Run(quick="--process stub --how killed --stage speaking"),
            Run("--tritons 2", quick="--tritons 2 --process triton --how killed --stage speaking"),
        ),
    ),
    "manager": Bench(
        "A route decided, over 50 servers with 200 models.",
        (
            Run("--rounds 10000", quick="--rounds 500"),
            Run("--swaps 200", quick="--swaps 8 --sessions 2"),
        ),
    ),
    "failover": Bench(
        "A Triton, a frontend and Redis end under calls.",
        (Run("--sessions 8", quick="--sessions 2 --outage 3"),),
    ),
    "speech": Bench(
        "Speech over HTTP: time, and texts as heard.",
        (
            Run(quick="--rounds 10"),
            Run("--table texts", quick="--table texts"),
            Run("--table long", quick="--table long"),
        ),
    ),
    "words": Bench(
        "Words heard wrong, of people and of the voice.",
        (Run(), Run("--light")),
    ),
    "transcriptions": Bench(
        "Recordings over HTTP: time and words.",
        (
            Run(quick="--rounds 2"),
            Run("--table treatments", quick="--table treatments --every 6"),
            Run("--table cuts", quick="--table cuts --every 20"),
        ),
    ),
    "first-audio": Bench(
        "First audio over gRPC, straight from a voice.",
        (Run(quick="--rounds 10"),),
    ),
    "endpointing": Bench(
        "Cut off in a pause, or kept waiting at the end.",
        (Run(quick="--half held-back"),),
    ),
    "triton": Bench(
        "Voices and recognisers under perf_analyzer.",
        (Run(quick="--rounds 2 --concurrency 1 --concurrency 2"),),
    ),
}
