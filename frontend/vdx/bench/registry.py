"""Every bench: its line of help, and how `make bench` runs it.

To add one, write `frontend/vdx/cli/bench/<name>.py` (a dash of the name becomes an underscore)
and add a line to `BENCHES`. The report then holds its figures; a plot of them is one more line in
`vdx.bench.plots`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """Arguments of one run of a bench; `quick` are those of `make bench ARGS=--quick`."""

    full: str = ""
    quick: str = ""


@dataclass(frozen=True, slots=True)
class Bench:
    """A command of `vdx bench`; without `runs` it is no part of the report."""

    help: str
    runs: tuple[Run, ...] = ()


BENCHES: dict[str, Bench] = {
    "report": Bench("Every bench below, one report with pictures."),
    "start": Bench(
        "How long `vdx up` takes to ready.",
        (Run("--rounds 5", quick="--rounds 1"),),
    ),
    "turn": Bench(
        "End of speech to the first audio of the answer.",
        (Run("--rounds 10", quick="--rounds 1"),),
    ),
    "bargein": Bench(
        "Onset of interrupting speech to silence.",
        (Run("--rounds 10", quick="--rounds 1"),),
    ),
    "false-bargein": Bench(
        'A 300 ms "uh" during the reply.',
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
    "vad": Bench(
        "Listening in hard conditions: noise, echo, pauses.",
        (Run(quick="--quick"),),
    ),
    "page": Bench(
        "Load to talking, in a real browser.",
        (Run("--rounds 10", quick="--rounds 1"),),
    ),
    "speech": Bench(
        "First byte of speech over HTTP.",
        (Run(quick="--rounds 10"),),
    ),
    "transcriptions": Bench(
        "A recording over HTTP against the recogniser run directly.",
        (Run(quick="--rounds 2"),),
    ),
    "fuzz": Bench(
        "Hostile events, requests and tensors: no crash, no hang.",
        (
            Run("events --count 100000", quick="events --count 500"),
            Run("requests --count 10000", quick="requests --count 150"),
            Run("tensors --count 10000", quick="tensors --count 200"),
        ),
    ),
    "first-audio": Bench(
        "First audio over gRPC, straight from a voice.",
        (Run(quick="--rounds 10"),),
    ),
    "triton": Bench(
        "Voices and recognisers under perf_analyzer.",
        (Run(quick="--rounds 2 --concurrency 1 --concurrency 2"),),
    ),
    "grammar": Bench(
        "Load time of a recogniser of few sentences.",
        (Run("--rounds 5", quick="--rounds 1"),),
    ),
    "piper": Bench(
        "A Piper voice of the real size, beside piper-tts.",
        (Run("--rounds 30", quick="--rounds 2 --graph tiny"),),
    ),
    "whisper": Bench(
        "Whisper: end of speech to the final transcript.",
        (Run(quick="--sizes tiny --rounds 1"),),
    ),
    "whisper-file": Bench(
        "Whisper: a long recording, beside faster-whisper.",
        (Run(quick="--minutes 1"),),
    ),
    "whisper-words": Bench(
        "Whisper: word errors, streamed live and on whole files.",
        (Run(),),
    ),
}
