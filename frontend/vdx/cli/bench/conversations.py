"""The commands of `vdx bench` that measure conversations."""

import secrets
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

import typer

from vdx.bench.registry import BENCHES
from vdx.cli.bench.running import (
    CHARGED,
    DEFAULT,
    LIGHT,
    LOAD,
    ROOMS,
    RUNNING,
    SOAK_TURN_S,
    TALKING,
    TURN_S,
    Alone,
    Aware,
    Light,
    OnServer,
    Recogniser,
    Rounds,
    Seconds,
    Sessions,
    add,
)

FIXED_SILENCE: Final[Mapping[str, Any]] = {"endpointing": {"enabled": False}}
"""300 ms of silence end each turn, whatever was said."""


class Said(StrEnum):
    """How the orders are said."""

    BOTH = "both"
    RECORDED = "as-recorded"
    PAUSED = "with-a-pause"


def start(rounds: Rounds = 5) -> Alone:
    """The proof turn included; and from Ctrl-C to the end of every process."""
    from vdx.bench import start as bench

    return Alone(rounds, lambda step: bench.measure(rounds, step))


def turn(
    rounds: Rounds = 3,
    sessions: Sessions = 1,
    fixed_silence: Annotated[
        bool,
        typer.Option(
            "--fixed-silence", help="The bench's own server: 300 ms of silence end each turn."
        ),
    ] = False,
    recogniser: Recogniser = "",
) -> OnServer:
    """A round is four clips, repeated by the answer, or with --llm answered."""
    from vdx.bench import turn as bench

    return OnServer(
        rounds * sessions * 4,
        lambda target, step: bench.measure(
            target, rounds, sessions, step, fixed_silence=fixed_silence
        ),
        models=(DEFAULT[0], recogniser),
        config=FIXED_SILENCE if fixed_silence else {},
    )


def orders(
    count: Annotated[int, typer.Option(min=1, max=62, help="Orders.")] = 30,
    sessions: Sessions = 1,
    said: Annotated[
        Said, typer.Option("--said", help="As recorded, with a pause in it, or both.")
    ] = Said.BOTH,
    minutes: Annotated[
        float, typer.Option(min=0, help="After which none is begun any more; 0: all are.")
    ] = 0,
    hot_words: Annotated[
        bool, typer.Option("--hot-words", help="The menu is given to the recogniser.")
    ] = False,
) -> OnServer:
    """Recordings of people; each is said as it is, and with a pause of 0.8 s in it."""
    from vdx.bench import orders as bench

    kinds = tuple(bench.KINDS) if said is Said.BOTH else (said.value.replace("-", " "),)
    wanted = bench.Orders(count, sessions, kinds, hot_words=hot_words, minutes=minutes)
    return OnServer(count * len(kinds), lambda target, step: bench.measure(target, wanted, step))


def partials(rounds: Rounds = 3, recogniser: Recogniser = "") -> OnServer:
    """A transcription session; a round is five recordings."""
    from vdx.bench import partials as bench

    return OnServer(
        rounds * 5,
        lambda target, step: bench.measure(target, rounds, step),
        models=(DEFAULT[0], recogniser),
    )


def bargein(rounds: Rounds = 5, aware: Aware = False) -> OnServer:
    """Measured at the user; a round is two clips."""
    from vdx.bench import bargein as bench

    return OnServer(
        rounds * 2,
        lambda target, step: bench.measure(target, rounds, aware=aware, step=step),
        answers="bargein.yaml",
    )


def rooms(rounds: Rounds = 5) -> OnServer:
    """Over the WebSocket and in a room by turns; a round is four turns and two interruptions.

    300 ms of silence end each turn of the bench's own server.
    """
    from vdx.bench import rooms as bench
    from vdx.bench.ways import STEPS

    return OnServer(
        rounds * STEPS,
        lambda target, step: bench.measure(target, rounds, step),
        answers="bargein.yaml",
        rooms=True,
        config=FIXED_SILENCE,
        brief=True,
    )


def telephone(rounds: Rounds = 5) -> OnServer:
    """At 24 and at 8 kHz by turns, a round as of `rooms`; then each recording of people.

    300 ms of silence end each turn of the bench's own server.
    """
    from vdx.bench import telephone as bench
    from vdx.bench.ways import STEPS

    return OnServer(
        rounds * STEPS + 2,
        lambda target, step: bench.measure(target, rounds, step),
        answers="bargein.yaml",
        config=FIXED_SILENCE,
        brief=True,
    )


def false_bargein(
    rounds: Rounds = 5,
    aware: Aware = False,
    voice: Annotated[
        str,
        typer.Option(help="Of the bench's own server; espeak-en never says a text twice alike."),
    ] = "tone",
) -> OnServer:
    """Samples lost and repeated, and when the reply goes on."""
    from vdx.bench import false_bargein as bench

    exact = voice == "tone"
    return OnServer(
        rounds + 1,
        lambda target, step: bench.measure(target, rounds, aware=aware, exact=exact, step=step),
        models=(voice, "pocketsphinx-en"),
        answers="bargein.yaml",
    )


def tools(rounds: Rounds = 5) -> Alone:
    """A scripted endpoint and light models; a round is three turns and a barge-in."""
    from vdx.bench import tools as bench

    return Alone(rounds * 4, lambda step: bench.measure(rounds, step))


def interruptions(
    count: Annotated[int, typer.Option(min=1, help="Interruptions in all.")] = 1000,
    sessions: Sessions = 16,
) -> OnServer:
    """Over many interruptions, several at once."""
    from vdx.bench import interruptions as bench

    return OnServer(
        count,
        lambda target, step: bench.measure(target, count, sessions, step),
        models=LOAD,
        answers="interruptions.yaml",
    )


def jitter(sessions: Sessions = 16, seconds: Seconds = 45) -> OnServer:
    """And gaps in what the user hears."""
    from vdx.bench import jitter as bench

    return OnServer(
        int(sessions * seconds / TURN_S),
        lambda target, step: bench.measure(target, sessions, seconds, step),
        models=LOAD,
        answers="load.yaml",
    )


def sessions(
    connects: Annotated[int, typer.Option(min=1, help="Connections to time.")] = 20,
    cost: Annotated[
        bool, typer.Option("--cost", help="CPU per session-second at --sessions at once.")
    ] = False,
    churn: Annotated[
        int, typer.Option(min=0, help="Instead: open and close so many sessions.")
    ] = 0,
    at_once: Annotated[
        int, typer.Option("--sessions", min=1, help="At once, for --cost and --churn.")
    ] = 8,
    seconds: Seconds = 45,
) -> OnServer:
    """Time to open, CPU and memory."""
    from vdx.bench import sessions as bench

    if churn:
        return OnServer(
            churn,
            lambda target, step: bench.measure_churn(target, churn, at_once, step),
            models=LOAD,
            answers="load.yaml" if cost else "short.yaml",
        )
    if cost:
        return OnServer(
            int(at_once * seconds / TURN_S),
            lambda target, step: bench.measure_cost(target, at_once, seconds, step),
            models=LOAD,
            answers="load.yaml",
        )
    return OnServer(
        3,
        lambda target, step: bench.measure(target, connects, step),
        models=LOAD,
        answers="short.yaml",
    )


def soak(
    sessions: Sessions = 6,
    minutes: Annotated[float, typer.Option(min=0.5, max=10_080, help="How long.")] = 60,
) -> OnServer:
    """Interruptions, changes of voice, silence; memory, files, tasks; and a verdict."""
    from vdx.bench import soak as bench

    return OnServer(
        max(1, round(sessions * minutes * 60 / SOAK_TURN_S)),
        lambda target, step: bench.measure(target, sessions, minutes, step),
        preload=(bench.OTHER_VOICE,),
    )


def observed(
    rounds: Rounds = 7,
    sessions: Sessions = 4,
    level: Annotated[
        Literal["info", "debug"], typer.Option(help="Of the JSON logs; debug has lines of a turn.")
    ] = "debug",
    light: Light = False,
) -> Alone:
    """Two servers by turns, of which one sends traces and logs JSON; a round is four turns each.

    Takes about five minutes.
    """
    from vdx.bench import observed as bench
    from vdx.bench.target import profile

    config = {**profile(*(LIGHT if light else DEFAULT)), **FIXED_SILENCE}
    return Alone(
        8 * rounds * sessions, lambda step: bench.measure(config, rounds, sessions, level, step)
    )


def refused(rounds: Rounds = 8, sessions: Sessions = 2, light: Light = False) -> OnServer:
    """300 requests a second with wrong keys; gaps, and silence within replies.

    Takes about six minutes; --rounds 4 takes half of it, and its p95 says less.
    """
    from vdx.bench import refused as bench

    return OnServer(
        8 * rounds * sessions,
        lambda target, step: bench.measure(target, rounds, sessions, step),
        models=LIGHT if light else DEFAULT,
        config=FIXED_SILENCE,
        api_key=secrets.token_urlsafe(24),
    )


def plan(
    rounds: Rounds = 8,
    users: Annotated[
        list[int] | None,
        typer.Option(
            min=1, max=256, help="At once; several times.  [default: 2, 4; light 4, 8, 16]"
        ),
    ] = None,
    fixed_silence: Annotated[
        bool, typer.Option("--fixed-silence", help="300 ms of silence end each turn.")
    ] = False,
    light: Light = False,
) -> OnServer:
    """Turns of one user feed the simulation; its p95 of many beside theirs.

    Takes about eight minutes, six with --light; --rounds 4 takes half, and its p95 says less.
    """
    from vdx.bench.planning import checked as bench

    counts = users or list(bench.LIGHT if light else bench.DEFAULT)
    return OnServer(
        bench.turns(counts, rounds),
        lambda target, step: bench.measure(target, counts, rounds, step),
        models=LIGHT if light else DEFAULT,
        config=FIXED_SILENCE if fixed_silence else {},
    )


def faults(
    process: Annotated[list[str] | None, typer.Option(help="Only these; several times.")] = None,
    how: Annotated[list[str] | None, typer.Option(help="killed or frozen; both.")] = None,
    stage: Annotated[list[str] | None, typer.Option(help="Of a turn; several times.")] = None,
    tritons: Annotated[int, typer.Option(min=1, max=4, help="Servers with the models.")] = 1,
    rooms: Annotated[bool, typer.Option("--rooms", help="In LiveKit rooms.")] = False,
) -> Alone:
    """A deployment of the bench's own; what was noticed, for how long, what was left."""
    from vdx.bench.faults import matrix
    from vdx.bench.faults.caller import STAGES
    from vdx.cli.livekit_server import require_livekit_server
    from vdx.core.errors import UnknownName

    here = [name for name in matrix.PROCESSES if rooms or name != "livekit"]
    for given, known, option in (
        (process, here, "process"),
        (how, matrix.HOWS, "how"),
        (stage, STAGES, "stage"),
    ):
        for value in given or ():
            if value not in known:
                expected = ", ".join(known)
                raise UnknownName(f"--{option} {value!r}: expected one of {expected}", param=option)
    wanted = matrix.cases(process or here, how or [], stage or [])

    def tell(line: str) -> None:
        typer.echo(line, err=True)

    program = require_livekit_server(tell) if rooms else None
    return Alone(len(wanted), lambda step: matrix.measure(wanted, tritons, program, step, tell))


def add_conversations(app: typer.Typer) -> None:
    """Adds these commands to `app`, in the order of the help."""
    add(app, BENCHES, "start")(start)
    add(app, BENCHES, "turn", (*TALKING, "llm"))(turn)
    add(app, BENCHES, "orders", TALKING)(orders)
    add(app, BENCHES, "partials", TALKING)(partials)
    add(app, BENCHES, "bargein", TALKING)(bargein)
    add(app, BENCHES, "rooms", (*RUNNING, "light"))(rooms)
    add(app, BENCHES, "telephone", (*RUNNING, "light"))(telephone)
    add(app, BENCHES, "false-bargein", ROOMS)(false_bargein)
    add(app, BENCHES, "tools")(tools)
    add(app, BENCHES, "interruptions", CHARGED)(interruptions)
    add(app, BENCHES, "jitter", ROOMS)(jitter)
    add(app, BENCHES, "sessions", ROOMS)(sessions)
    add(app, BENCHES, "soak", (*CHARGED, "light"))(soak)
    add(app, BENCHES, "observed")(observed)
    add(app, BENCHES, "refused")(refused)
    add(app, BENCHES, "plan")(plan)
    add(app, BENCHES, "faults")(faults)
