"""What the models say about the pauses of a turn, and how long they took to say it."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Protocol

from vdx.bench.endpointing.listening import FoundPause, listen
from vdx.bench.endpointing.turns import Silence, Turn
from vdx.core.audio import LISTEN_FRAME, SAMPLE_BYTES
from vdx.core.config import VadConfig
from vdx.core.errors import InvalidInput, ModelFailed
from vdx.core.events import TranscriptKind
from vdx.serving.triton import RecognitionStream, TritonClient
from vdx.speech.input.end_of_turn import Pause
from vdx.speech.input.endpointer import KEPT_BYTES

FRAME_BYTES: Final = LISTEN_FRAME * SAMPLE_BYTES
PATIENT_MS: Final = 10_000
PARTIAL_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """One pause of the detector in one silence of a turn; times in ms from the turn's start.

    `resumed_ms` is None where no speech followed; `rest_ms` is how long the person then spoke on.
    `text_after_ms` and `heard_after_ms`: how long after it was noticed the answers of recogniser
    and endpointer came, the network's time included.
    """

    turn: str
    recording: str
    language: str
    ends_turn: bool
    start_ms: float
    end_ms: float
    speech_end_ms: float
    noticed_ms: float
    resumed_ms: float | None
    turn_ms: int
    rest_ms: float
    text: str
    text_after_ms: float
    probability: float | None
    heard_after_ms: float

    @property
    def pause(self) -> Pause:
        """The pause with both answers."""
        return Pause(self.turn_ms, self.text, self.probability)


class Models(Protocol):
    """Recogniser and endpointer; each answer with the milliseconds that it took."""

    async def transcript(self, pcm: bytes, language: str) -> tuple[str, float]: ...

    async def probability(self, pcm: bytes) -> tuple[float | None, float]: ...


class TritonModels:
    """Asks models in Triton, as a session does, but for the audio, which comes all at once."""

    def __init__(self, client: TritonClient, recogniser: str, endpointer: str) -> None:
        self._client = client
        self._recogniser = recogniser
        self._endpointer = endpointer

    async def transcript(self, pcm: bytes, language: str) -> tuple[str, float]:
        whole = pcm[: len(pcm) // FRAME_BYTES * FRAME_BYTES]
        async with self._client.recognise(self._recogniser, language=language) as stream:
            # All but the last bit first: at a pause the recogniser has had it for long.
            await stream.send(whole[: -3 * FRAME_BYTES])
            await _partial(stream)
            began = time.perf_counter()
            await stream.send(whole[-3 * FRAME_BYTES :], flush=True)
            async for answer in stream:
                if answer.kind is TranscriptKind.PAUSE:
                    return answer.text.strip(), (time.perf_counter() - began) * 1000
        raise ModelFailed(f"{self._recogniser} did not answer a pause", model=self._recogniser)

    async def probability(self, pcm: bytes) -> tuple[float | None, float]:
        if not self._endpointer:
            return None, 0.0
        began = time.perf_counter()
        found = await self._client.judge(self._endpointer, pcm[-KEPT_BYTES:], PATIENT_MS)
        return found, (time.perf_counter() - began) * 1000


async def _partial(stream: RecognitionStream) -> None:
    """Waits for the partial transcript of what came at once: in a session it was made long before.

    A recogniser that writes nothing yet, or makes none, is waited for PARTIAL_S.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PARTIAL_S), contextlib.aclosing(aiter(stream)) as answers:
            async for _ in answers:
                return


async def gather(turns: Iterable[Turn], vad: VadConfig, models: Models) -> AsyncIterator[Evidence]:
    """Listens to every turn and asks about each pause in its silences."""
    for turn in turns:
        missed = set(turn.silences)
        for found in listen(turn, vad):
            missed.discard(found.silence)
            yield await _asked(turn, found, models)
        for silence in sorted(missed, key=lambda each: each.start_ms):
            yield _undetected(turn, silence)


async def _asked(turn: Turn, found: FoundPause, models: Models) -> Evidence:
    pcm = found.heard.astype("<i2").tobytes()
    text, text_after_ms = await models.transcript(pcm, turn.language)
    probability, heard_after_ms = await models.probability(pcm)
    silence = found.silence
    return Evidence(
        turn.id,
        turn.recording,
        turn.language,
        silence.ends_turn,
        silence.start_ms,
        silence.end_ms,
        found.speech_end_ms,
        found.noticed_ms,
        found.resumed_ms,
        found.turn_ms,
        found.rest_ms,
        text,
        text_after_ms,
        probability,
        heard_after_ms,
    )


def _undetected(turn: Turn, silence: Silence) -> Evidence:
    """A silence in which the detector found no pause: nothing is cut, and an end waits it out."""
    return Evidence(
        turn=turn.id,
        recording=turn.recording,
        language=turn.language,
        ends_turn=silence.ends_turn,
        start_ms=silence.start_ms,
        end_ms=silence.end_ms,
        speech_end_ms=silence.end_ms,
        noticed_ms=silence.end_ms,
        resumed_ms=None if silence.ends_turn else silence.end_ms,
        turn_ms=0,
        rest_ms=0.0,
        text="",
        text_after_ms=0.0,
        probability=None,
        heard_after_ms=0.0,
    )


def write(file: Path, evidence: Iterable[Evidence]) -> None:
    """One JSON object a line."""
    lines = (json.dumps(asdict(each), ensure_ascii=False) for each in evidence)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read(file: Path) -> list[Evidence]:
    """What `write` wrote.

    Raises:
        InvalidInput: there is no such file, or a line of it is something else; names the line.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{file}: {error}", param="scored") from None
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found.append(Evidence(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise InvalidInput(f"{file}: line {number}: {error}", param="scored") from None
    return found
