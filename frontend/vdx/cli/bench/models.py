"""The commands of `vdx bench` that measure speech over HTTP, transcriptions, and models alone."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vdx.bench.registry import BENCHES
from vdx.cli.bench.running import (
    DEFAULT,
    LIGHT,
    LOAD,
    RUNNING,
    Alone,
    OnServer,
    Recogniser,
    Rounds,
    Step,
    add,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from vdx.bench.figures import Report

MODELS = ("espeak", "pocketsphinx-en")


class OwnHalf(StrEnum):
    """Halves of the recordings that the bench of endpointing has of its own."""

    HELD_BACK = "held-back"
    TUNING = "tuning"


class FailoverPart(StrEnum):
    """What ends in the bench of failover."""

    TRITON = "triton"
    FRONTEND = "frontend"
    REDIS = "redis"


class SpeechTable(StrEnum):
    """What the bench of speech measures."""

    SPEED = "speed"
    TEXTS = "texts"
    LONG = "long"


def speech(
    rounds: Rounds = 100,
    voice: Annotated[
        str, typer.Option(help=f"A model id; default: {LIGHT[0]}, of a table `vdx up`'s own.")
    ] = "",
    table: Annotated[
        SpeechTable,
        typer.Option(help="Speed; texts with numbers, as heard back; or 1,000 characters."),
    ] = SpeechTable.SPEED,
) -> OnServer:
    """Speed: to the first byte of the body, in every format that streams."""
    from vdx.bench import long_texts, spoken_texts
    from vdx.bench import speech as bench
    from vdx.bench.word_errors import require_inflect, require_jiwer

    if table is SpeechTable.TEXTS:
        require_jiwer()
        require_inflect()
        return OnServer(
            len(spoken_texts.english()), spoken_texts.measure, models=(voice, DEFAULT[1])
        )
    if table is SpeechTable.LONG:
        return OnServer(
            len(long_texts.long_texts()),
            lambda target, step: long_texts.measure(target, voice, step),
            models=(voice, "canned"),
        )
    light = voice or LIGHT[0]
    return OnServer(
        rounds * len(bench.FORMATS),
        lambda target, step: bench.measure(target, light, rounds, step),
        models=(light, "canned"),
    )


def words(recogniser: Recogniser = "") -> OnServer:
    """Eleven recordings of people, and fifty replies, spoken and transcribed back."""
    from vdx.bench import words as bench
    from vdx.bench.reference_transcripts import REFERENCE_TRANSCRIPTS
    from vdx.bench.word_errors import require_inflect, require_jiwer

    require_jiwer()
    require_inflect()
    steps = len(REFERENCE_TRANSCRIPTS) + len(bench.replies())
    return OnServer(steps, bench.measure, models=(DEFAULT[0], recogniser))


class RecordingTable(StrEnum):
    """What the bench of transcriptions measures."""

    SPEED = "speed"
    TREATMENTS = "treatments"
    CUTS = "cuts"


def transcriptions(
    rounds: Rounds = 10,
    table: Annotated[
        RecordingTable,
        typer.Option(help="Speed; or words of recordings as people send them, or of short cuts."),
    ] = RecordingTable.SPEED,
    every: Annotated[
        int, typer.Option(min=1, help="Of a table's recordings or cuts, every so manyth.")
    ] = 1,
) -> OnServer:
    """Speed: time and word error rate of both, pocketsphinx. Tables: the default recogniser."""
    from vdx.bench import recording_tables as tables
    from vdx.bench import transcriptions as bench
    from vdx.bench.word_errors import require_inflect, require_jiwer

    require_jiwer()
    if table is not RecordingTable.SPEED:
        require_inflect()
        cuts = table is RecordingTable.CUTS
        measure = tables.measure_cuts if cuts else tables.measure_treatments
        return OnServer(
            tables.steps(table.value, every), lambda target, step: measure(target, every, step)
        )
    return OnServer(rounds, lambda target, step: bench.measure(target, rounds, step), models=LIGHT)


def first_audio(rounds: Rounds = 100) -> OnServer:
    """Also chunks computed after a cancellation, and the cost of one input frame."""
    from vdx.bench import first_audio as bench

    return OnServer(
        rounds * len(bench.VOICES),
        lambda target, step: bench.measure(target, rounds, step),
        models=LOAD,
        preload=tuple(name for name, _ in bench.VOICES),
    )


def triton(
    model: Annotated[
        list[str] | None, typer.Option(help="A voice or recogniser; several times for several.")
    ] = None,
    concurrency: Annotated[
        list[int] | None, typer.Option(min=1, max=256, help="Requests at once; several times.")
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=1, help="Clauses or recordings, for each of those at once.")
    ] = 10,
    triton_url: Annotated[
        str, typer.Option(help="A Triton's gRPC address; else the bench starts one of its own.")
    ] = "",
) -> Alone | OnServer:
    """First chunk, final transcript and throughput at several concurrencies."""
    from vdx.bench import triton as bench
    from vdx.core import settings

    models, counts = model or list(MODELS), concurrency or [1, 2, 4, 8]
    steps = len(models) * len(counts)

    def there(step: Step) -> "Awaitable[Report]":
        config = settings.load(flags={"triton.url": triton_url}).config.triton
        return bench.measure(config, models, counts, rounds, step)

    if triton_url:
        return Alone(steps, there)
    return OnServer(
        steps,
        lambda target, step: bench.measure(target.triton_config, models, counts, rounds, step),
        preload=tuple(models),
    )


def manager(
    rounds: Rounds = 10_000,
    swaps: Annotated[
        int, typer.Option(min=0, help="Instead: swap voice and server of all so often in calls.")
    ] = 0,
    sessions: Annotated[int, typer.Option(min=1, max=64, help="Calls for --swaps.")] = 8,
) -> Alone:
    """Half of the requests name a voice, half take any of a language; no server is started.

    With --swaps one is, with two Tritons.
    """
    from vdx.bench import routing as bench

    if swaps:
        from vdx.bench import swaps as swapping

        return Alone(swapping.steps(swaps), lambda step: swapping.measure(sessions, swaps, step))
    return Alone(rounds, lambda step: bench.measure(rounds, step))


def failover(
    sessions: Annotated[int, typer.Option(min=1, max=64, help="People who hear replies.")] = 8,
    outage: Annotated[float, typer.Option(min=1, max=3600, help="Seconds without Redis.")] = 30.0,
    part: Annotated[
        list[FailoverPart] | None, typer.Option(help="What ends; several times; default: all.")
    ] = None,
    voice: Annotated[
        str,
        typer.Option(help="Of those who hear replies; one that computes no faster than needed."),
    ] = "tone",
) -> Alone:
    """One of two Tritons is killed in mid-reply, a frontend with 100 leases, and Redis stopped."""
    from vdx.bench.failover import measure as bench

    parts = [each.value for each in part or FailoverPart]
    return Alone(len(parts), lambda step: bench.measure(parts, sessions, outage, voice, step))


def endpointing(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Turns in the layout of livekit/eot-bench-data; default: recordings of the "
            "checkout, with pauses put in."
        ),
    ] = None,
    half: Annotated[
        OwnHalf, typer.Option(help="Of the checkout's recordings; the rules are tuned on one.")
    ] = OwnHalf.HELD_BACK,
    language: Annotated[str, typer.Option(help="Only turns in it, of FOLDER.")] = "",
    recogniser: Annotated[str, typer.Option(help="Which words are asked of.")] = "whisper-tiny.en",
    endpointer: Annotated[str, typer.Option(help="Empty: none.")] = "smart-turn-v3.2",
    evidence: Annotated[
        Path | None,
        typer.Option(help="File to keep what the models said in, JSON lines, as it comes."),
    ] = None,
    curves: Annotated[Path | None, typer.Option(help="PNG to draw cuts against waits in.")] = None,
    scored: Annotated[
        Path | None, typer.Option(help="A file of --evidence: nobody is asked again.")
    ] = None,
) -> Alone | OnServer:
    """Silence alone, words alone, the endpointer alone, and all; with 95 % intervals.

    Asks about each pause in real time, of the checkout's recordings for about a quarter of an hour.
    """
    from vdx.bench.drawing import require_picture, require_place
    from vdx.bench.endpointing.measure import Plan, measure, score_again

    if curves is not None:
        require_picture(curves)
    if evidence is not None:
        require_place(evidence)
    plan = Plan(folder, half.value, language, recogniser, endpointer, evidence, curves)
    if scored is not None:
        return Alone(1, lambda step: score_again(plan, scored, step))
    parts = plan.parts()
    return OnServer(
        len(parts),
        lambda target, step: measure(target.triton_config, plan, parts, step),
        models=(LOAD[0], recogniser),
        preload=(endpointer,) if endpointer else (),
    )


def add_models(app: typer.Typer) -> None:
    """Adds these commands to `app`, in the order of the help."""
    add(app, BENCHES, "manager")(manager)
    add(app, BENCHES, "failover")(failover)
    add(app, BENCHES, "speech", RUNNING)(speech)
    add(app, BENCHES, "words", (*RUNNING, "light"))(words)
    add(app, BENCHES, "transcriptions", RUNNING)(transcriptions)
    add(app, BENCHES, "first-audio")(first_audio)
    add(app, BENCHES, "endpointing", RUNNING)(endpointing)
    add(app, BENCHES, "triton")(triton)
