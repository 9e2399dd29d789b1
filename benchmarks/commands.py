"""The commands of `python -m benchmarks`."""

from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks.registry import STUDIES
from vdx.cli.bench.running import LOAD, RUNNING, Alone, OnServer, Rounds, Sessions, Step, add

if TYPE_CHECKING:
    from benchmarks.vad_voices import Half
    from vdx.bench.figures import Report


def vad(
    half: Annotated[
        str, typer.Option(help="Of the corpus: held (reported) or tune (for choosing defaults).")
    ] = "held",
    quick: Annotated[
        bool, typer.Option("--quick", help="A quarter of the scenes, no curves.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Processes at once.")] = 2,
    levels: Annotated[
        bool, typer.Option("--levels", help="Barge-ins alone, as microphones of other gain hear.")
    ] = False,
    silero: Annotated[
        bool, typer.Option("--silero", help="Silero VAD too, fetched from the Python registry.")
    ] = False,
    plots: Annotated[Path | None, typer.Option(help="Folder for pictures (PNG).")] = None,
) -> Alone:
    """False and true barge-ins, missed onsets and turns cut off, each feature on and off.

    Over a corpus of speakers, noises and the bot's own echo. Needs no server and runs faster than
    real time.
    """
    from benchmarks import vad as bench

    if half not in ("held", "tune"):
        raise typer.BadParameter(f"{half!r} is neither held nor tune", param_hint="--half")
    chosen: Half = "held" if half == "held" else "tune"

    if levels:
        from benchmarks import vad_levels

        async def at_levels(step: Step) -> "Report":
            compared = (bench.ALL, bench.NONE, *((bench.SILERO,) if silero else ()))
            report = vad_levels.measure(chosen, compared, quick=quick, jobs=jobs, step=step)
            for features in compared:
                costs = bench.frame_costs_ms(features=features)
                report.add(f"input path, one frame, {features.name}", "ms", costs)
            return report

        return Alone(len(vad_levels.LEVELS_DB), at_levels)

    async def work(step: Step) -> "Report":
        report = bench.measure(chosen, quick=quick, silero=silero, jobs=jobs, step=step)
        if plots is not None:
            from benchmarks.plots import draw_listening

            report.notes += [f"drawn: {file}" for file in draw_listening(report.samples, plots)]
        return report

    return Alone(bench.steps_of(quick=quick, silero=silero), work)


def page(rounds: Rounds = 5) -> OnServer:
    """And the size of the script.

    It connects as the server offers: through a room if it has rooms, else the WebSocket.
    """
    from benchmarks import page as bench

    return OnServer(rounds, lambda target, step: bench.measure(target, rounds, step))


def grammar(rounds: Rounds = 3) -> Alone:
    """With the dictionary pruned to its words, and with all of it."""
    from benchmarks import grammar as bench

    steps = rounds * 2 * len(bench.VOCABULARIES)
    return Alone(steps, lambda step: bench.measure(rounds, step))


def piper(
    rounds: Rounds = 30,
    sessions: Sessions = 4,
    graph: Annotated[
        str, typer.Option(help="medium, tiny, tiny-speakers or tiny-high.")
    ] = "medium",
) -> Alone:
    """First audio over gRPC, what windows cost, several sessions, and cancellation."""
    from benchmarks import piper as bench

    steps = 2 * rounds + len(bench.STARTS)
    return Alone(steps, lambda step: bench.measure(rounds, sessions, graph, step))


def piper_peers(
    python: Annotated[
        Path, typer.Option(help="An interpreter that has piper-tts and streaming-vits.")
    ],
    rounds: Rounds = 10,
) -> OnServer:
    """The default voice, texts of 15 and 39 words, the same run."""
    from benchmarks import piper_peers as bench

    return OnServer(
        rounds * len(bench.TEXTS), lambda target, step: bench.measure(target, python, rounds, step)
    )


def kokoro(
    rounds: Rounds = 10,
    tiny: Annotated[bool, typer.Option("--tiny", help="A voice of random weights.")] = False,
) -> Alone:
    """The voice of `vdx voices pull kokoro-ja`: first sound, real-time factor, windows."""
    from benchmarks import kokoro as bench

    return Alone(rounds, lambda step: bench.measure(rounds, step, tiny=tiny))


def cosyvoice2(rounds: Rounds = 3) -> Alone:
    """The official code that COSYVOICE_HOME names, on a narrow network of random weights."""
    from benchmarks import cosyvoice2 as bench
    from benchmarks.cosyvoice2_compute import CASES

    return Alone(len(CASES), lambda step: bench.measure(rounds, step))


def smart_turn(rounds: Rounds = 100) -> OnServer:
    """Features and graph in one process on one core; then through Triton."""
    from benchmarks import smart_turn as bench

    return OnServer(
        2 * rounds,
        lambda target, step: bench.measure(target, rounds, step),
        models=LOAD,
        preload=(bench.ENDPOINTER,),
    )


def transducer(rounds: Rounds = 5) -> Alone:
    """Zipformer and FastConformer with random weights: a step, a FLUSH, eight speakers at once."""
    from benchmarks import transducer as bench

    return Alone(len(bench.LAYOUTS) * rounds, lambda step: bench.measure(rounds, step))


def transducer_talk(
    rounds: Rounds = 5,
    layout: Annotated[str, typer.Option(help="zipformer or fastconformer; default: both.")] = "",
) -> Alone:
    """A server with each of them in turn: first partial, and final transcript after the pause."""
    from benchmarks import transducer_talk as bench

    if layout and layout not in bench.REACH:
        known = " nor ".join(bench.REACH)
        raise typer.BadParameter(f"{layout!r} is neither {known}", param_hint="--layout")
    layouts = [layout] if layout else list(bench.REACH)
    return Alone(len(layouts) * rounds, lambda step: bench.measure(layouts, rounds, step))


def whisper(
    sizes: Annotated[str, typer.Option(help="Of micro, tiny, base, small.")] = "tiny,base,small",
    rounds: Rounds = 5,
) -> Alone:
    """Real architectures with random weights; also the real-time factor and memory of sessions."""
    from benchmarks import whisper as bench

    wanted = [size.strip() for size in sizes.split(",") if size.strip()]
    return Alone(2 * rounds * len(wanted), lambda step: bench.measure(wanted, rounds, step))


def whisper_file(
    minutes: Annotated[float, typer.Option(min=0.5, max=1440, help="Of speech.")] = 10,
    reference_python: Annotated[
        Path | None, typer.Option(help="An interpreter that has faster-whisper; else this one.")
    ] = None,
) -> Alone:
    """Whisper base with random weights, as many words from both."""
    from benchmarks import whisper_file as bench

    def measure(step: Step) -> Awaitable["Report"]:
        return bench.measure(minutes, reference_python, step)

    return Alone(2, measure)


def whisper_words() -> Alone:
    """With the trained test model."""
    from benchmarks import whisper_words as bench

    return Alone(len(bench.NOISE_DB), bench.measure)


def add_studies(app: typer.Typer) -> None:
    """Adds these commands to `app`, in the order of the help."""
    add(app, STUDIES, "vad")(vad)
    add(app, STUDIES, "page", RUNNING)(page)
    add(app, STUDIES, "grammar")(grammar)
    add(app, STUDIES, "piper")(piper)
    add(app, STUDIES, "piper-peers", RUNNING)(piper_peers)
    add(app, STUDIES, "kokoro")(kokoro)
    add(app, STUDIES, "cosyvoice2")(cosyvoice2)
    add(app, STUDIES, "smart-turn")(smart_turn)
    add(app, STUDIES, "transducer")(transducer)
    add(app, STUDIES, "transducer-talk")(transducer_talk)
    add(app, STUDIES, "whisper")(whisper)
    add(app, STUDIES, "whisper-file")(whisper_file)
    add(app, STUDIES, "whisper-words")(whisper_words)
