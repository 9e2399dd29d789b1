"""What one call costs, read from a report of `vdx bench turn` with one person."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field

from vdx.bench.turn_cost import CLIENTS, GPU, IDLE, PARTS, WALL, cpu_name
from vdx.core.errors import InvalidInput
from vdx.core.json_input import parse_json
from vdx.core.validation import validated

FEWEST: Final = 4
"""Turns, of which a report has to have as many with all stages."""


class Turn(BaseModel):
    """One turn of a report; stages in ms since the end of speech."""

    model_config = ConfigDict(extra="ignore")

    gap_ms: float | None
    stages: dict[str, float]
    speech_s: float = Field(gt=0)
    reply_s: float = Field(ge=0)

    @property
    def whole(self) -> bool:
        """Whether it says what the simulation needs."""
        needed = {"pause_noticed", "endpoint", "first_text", "first_voice", "first_audio"}
        return self.gap_ms is not None and needed <= self.stages.keys()

    @property
    def transcript_ms(self) -> float:
        """When the words were there."""
        stages = self.stages
        return stages.get("speculative_transcript", stages.get("final_transcript", 0.0))


class _Figure(BaseModel):
    name: str
    median: float | None


class _Options(BaseModel):
    sessions: int
    voice: str
    recogniser: str


class _Machine(BaseModel):
    cores: int = Field(gt=0)
    cpu: str


class _TurnReport(BaseModel):
    """The part of a report that is read."""

    bench: str
    options: _Options
    machine: _Machine
    figures: list[_Figure]
    samples: list[Turn]


@dataclass(frozen=True, slots=True)
class Costs:
    """What a turn of one call took, in seconds, where it was measured."""

    voice: str
    recogniser: str
    machine: str
    cores: int
    turns: tuple[Turn, ...]
    wall: float
    """From the begin of a turn to that of the next."""
    cpu: Mapping[str, float]
    """Seconds of a core for each turn, by `PARTS`."""
    idle: float
    """Cores that the server takes without a call."""
    gpu: float | None = None
    """Seconds of a GPU for each turn."""

    @classmethod
    def read(cls, file: Path) -> Self:
        """Of the file that `vdx bench turn --json` printed; raises InvalidInput."""
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as error:
            raise InvalidInput(f"{file}: {error.strerror}", param="figures") from None
        except UnicodeDecodeError as error:
            raise InvalidInput(f"{file}: {error}", param="figures") from None
        return cls.of(parse_json(text, str(file), param="figures", max_values=None), str(file))

    @classmethod
    def of(cls, report: Any, what: str = "the report") -> Self:
        """Of a report as a dictionary; raises InvalidInput, which names `what` lacks."""
        found = validated(_TurnReport, report, what)
        if found.bench != "turn" or found.options.sessions != 1:
            raise InvalidInput(
                f"{what} is of {found.bench} with {found.options.sessions} users: "
                "expected `vdx bench turn --json` with one",
                param="figures",
            )
        figures = {each.name.strip(): each.median for each in found.figures}
        cpu = {part: figures.get(cpu_name(part).strip()) or 0.0 for part in PARTS}
        wall = figures.get(WALL.strip())
        if not wall or not any(cpu[part] for part in PARTS if part != CLIENTS):
            raise InvalidInput(
                f"{what} has no figure {WALL.strip()!r} or no processor time: the server has to "
                "run on the machine of the bench",
                param="figures",
            )
        turns = tuple(turn for turn in found.samples if turn.whole)
        if len(turns) < FEWEST:
            raise InvalidInput(
                f"{what} has {len(turns)} turns with all stages, at least {FEWEST} are needed",
                param="figures",
            )
        return cls(
            voice=found.options.voice,
            recogniser=found.options.recogniser,
            machine=found.machine.cpu,
            cores=found.machine.cores,
            turns=turns,
            wall=wall,
            cpu=cpu,
            idle=figures.get(IDLE.strip()) or 0.0,
            gpu=figures.get(GPU.strip()),
        )
