"""The corpus of the vad study: sessions of a user, a room and a bot, made from recordings.

Everything is made from the bundled recordings of speakers, two texts spoken by espeak-ng (the bot)
and synthesised noises; one seed for each scene. `vad_voices.py` says who is in which half.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.vad_noises import NOISES, Signal, distant, room_response
from benchmarks.vad_voices import (
    VOICE_RMS,
    Half,
    bots_of,
    chance_of,
    half_of,
    voices_of,
)
from vdx.core.audio import LISTEN_RATE

ROOM_RMS: Final = 25.0
NOISE_RMS: Final = (150.0, 400.0, 1000.0)
DISTANT_DB: Final = (-26.0, -20.0, -14.0)
"""Level of another speaker's voice, relative to the user's."""
ECHO_DB: Final = (-10.0, -20.0, -30.0)
"""Level of the bot's echo at the microphone, relative to what was played."""
ECHO_MS: Final = (40, 120, 250)
VARIANTS: Final = 4
LEAD_S: Final = 1.0
BOT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Scene:
    """One session: `near` (float64, int16 units) is the microphone's signal without the echo.

    The bot speaks `bot` from `bot_starts` on (samples). `voice` is when the user speaks, if at
    all. `echo` is the impulse response from the
    loudspeaker to the microphone; with `cancel` the session cancels it where that is switched on.
    `kind` says what is tried, `level` how hard it is.
    """

    name: str
    kind: str
    level: str
    half: Half
    near: Signal
    voice: tuple[int, int] | None = None
    bot: Signal | None = None
    bot_starts: int = 0
    echo: Signal | None = None
    cancel: bool = False


def room(samples: int, chance: np.random.Generator) -> Signal:
    return chance.normal(0.0, ROOM_RMS, samples)


def bot_from(half: Half, chance: np.random.Generator, seconds: float) -> Signal:
    """`seconds` of one of the half's bots, from a random place on."""
    _, whole = bots_of(half)[int(chance.integers(2))]
    start = int(chance.integers(whole.size))
    return np.take(whole, np.arange(start, start + int(seconds * LISTEN_RATE)), mode="wrap")


def echo_path(chance: np.random.Generator, level_db: float, delay_ms: int) -> Signal:
    response = room_response(chance, chance.uniform(0.2, 0.5), 0.4)
    delay = np.zeros(delay_ms * LISTEN_RATE // 1000)
    return np.concatenate([delay, response]) * 10 ** (level_db / 20)


def noise_scenes(half: Half) -> Iterator[Scene]:
    """The bot speaks (heard through headphones) while something sounds that is no interruption."""
    size = int((LEAD_S + BOT_S + 1) * LISTEN_RATE)
    for kind, make in NOISES.items():
        for level in NOISE_RMS:
            for variant in range(VARIANTS):
                if half_of(variant) != half:
                    continue
                name = f"{kind}-{level:g}-{variant}"
                chance = chance_of(name)
                near = room(size, chance)
                steady = kind in ("fan", "pink noise") and variant >= VARIANTS // 2
                start = 0 if steady else int((LEAD_S + 2) * LISTEN_RATE)
                near[start:] += make(size - start, chance) * level
                yield Scene(
                    name,
                    kind,
                    f"{level:g}",
                    half,
                    near,
                    bot=bot_from(half, chance, BOT_S),
                    bot_starts=int(LEAD_S * LISTEN_RATE),
                )


def distant_scenes(half: Half) -> Iterator[Scene]:
    """Another person speaks, away from the microphone, after the user has said something."""
    users = voices_of(half)
    for level in DISTANT_DB:
        for index in range(6):
            name = f"distant-{half}-{level:g}-{index}"
            chance = chance_of(name)
            own, other = users[index % len(users)], users[(index * 5 + 3) % len(users)]
            far = np.tile(other[1], 1 + int(8 * LISTEN_RATE) // other[1].size)[: 8 * LISTEN_RATE]
            before = int((0.5 + own[1].size / LISTEN_RATE + 1.0) * LISTEN_RATE)
            size = before + int((BOT_S + 1) * LISTEN_RATE)
            near = room(size, chance)
            half_second = LISTEN_RATE // 2
            near[half_second : half_second + own[1].size] += own[1]
            start = before + LISTEN_RATE
            near[start : start + far.size] += distant(far, chance) * VOICE_RMS * 10 ** (level / 20)
            yield Scene(
                name,
                "distant speech",
                f"{level:g} dB",
                half,
                near,
                bot=bot_from(half, chance, BOT_S),
                bot_starts=before,
            )


def echo_scenes(half: Half, *, cancel: bool) -> Iterator[Scene]:
    """Only the bot's echo, and nobody speaks."""
    kind = "echo, cancelled" if cancel else "echo"
    for level in ECHO_DB:
        for delay in ECHO_MS:
            for index in range(2):
                name = f"{kind}-{half}-{level:g}-{delay}-{index}"
                chance = chance_of(f"echo-{half}-{level:g}-{delay}-{index}")
                size = int((LEAD_S + BOT_S + 2) * LISTEN_RATE)
                yield Scene(
                    name,
                    kind,
                    f"{level:g} dB",
                    half,
                    room(size, chance),
                    bot=bot_from(half, chance, BOT_S),
                    bot_starts=int(LEAD_S * LISTEN_RATE),
                    echo=echo_path(chance, level, delay),
                    cancel=cancel,
                )


def interrupted_scenes(half: Half) -> Iterator[Scene]:
    """The user said something, and interrupts: in the quiet, in noise, in echo and in both."""
    for index, (name, voice) in enumerate(voices_of(half)):
        for where in ("quiet", "echo", "echo, cancelled", "noise", "noise and echo"):
            for repeat in range(2):
                chance = chance_of(f"{name}-{where}-{repeat}")
                opening = voice[: int(1.5 * LISTEN_RATE)]
                begins = opening.size + int((LEAD_S + 0.5) * LISTEN_RATE)
                start = begins + int((3 + chance.uniform(0, 2)) * LISTEN_RATE)
                size = start + voice.size + 2 * LISTEN_RATE
                near = room(size, chance)
                near[LISTEN_RATE // 2 : LISTEN_RATE // 2 + opening.size] += opening
                near[start : start + voice.size] += voice * 10 ** (chance.uniform(-6, 4) / 20)
                if "noise" in where:
                    kinds = list(NOISES)
                    kind = kinds[(index + repeat) % len(kinds)]
                    near += NOISES[kind](size, chance) * float(chance.choice(NOISE_RMS[:2]))
                echo = None
                if "echo" in where:
                    level = float(chance.choice(ECHO_DB))
                    echo = echo_path(chance, level, int(chance.choice(ECHO_MS)))
                yield Scene(
                    f"{name}-{where}-{repeat}",
                    f"voice in {where}",
                    "",
                    half,
                    near,
                    voice=(start, start + voice.size),
                    bot=bot_from(half, chance, (size - begins) / LISTEN_RATE),
                    bot_starts=begins,
                    echo=echo,
                    cancel="cancelled" in where,
                )


def onset_scenes(half: Half) -> Iterator[Scene]:
    """The bot is silent and the user begins to speak, in the quiet and in noise."""
    for index, (name, voice) in enumerate(voices_of(half)):
        for where in ("quiet", *NOISES):
            chance = chance_of(f"{name}-{where}-onset")
            start = int((3 + chance.uniform(0, 1)) * LISTEN_RATE)
            size = start + voice.size + LISTEN_RATE
            near = room(size, chance)
            near[start : start + voice.size] += voice * 10 ** (chance.uniform(-10, 4) / 20)
            if where != "quiet":
                level = NOISE_RMS[index % 2]
                near += NOISES[where](size, chance) * level
            yield Scene(
                f"{name}-{where}-onset",
                f"onset in {where}",
                "",
                half,
                near,
                voice=(start, start + voice.size),
            )


def long_echo_scenes(half: Half, level_db: float = -20.0) -> Iterator[Scene]:
    """Ten minutes of the bot's echo: ten sessions of a minute, each in its own room."""
    for index in range(10):
        chance = chance_of(f"long-echo-{half}-{index}")
        size = int((LEAD_S + 62) * LISTEN_RATE)
        yield Scene(
            f"long-echo-{index}",
            "echo for ten minutes",
            f"{level_db:g} dB",
            half,
            room(size, chance),
            bot=bot_from(half, chance, 60),
            bot_starts=int(LEAD_S * LISTEN_RATE),
            echo=echo_path(chance, level_db, int(chance.integers(20, 300))),
        )


def scenes_of(half: Half) -> list[Scene]:
    """Everything in which a bot speaks and may be interrupted."""
    return [
        *noise_scenes(half),
        *distant_scenes(half),
        *echo_scenes(half, cancel=False),
        *echo_scenes(half, cancel=True),
        *interrupted_scenes(half),
    ]
