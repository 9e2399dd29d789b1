"""Turns out of a folder in the layout of the public data set for end-of-turn detection.

That is livekit/eot-bench-data on the hub (CC BY 4.0): parquet files anywhere below the folder, one
row for each turn of a person, with

    id             text, unique
    language       BCP-47
    audio          {"bytes": an audio file of any format, ...}
    silence_spans  [{"start": seconds, "end": seconds}], in order; the last one ends the turn

Other columns are not read. The same rows may lie in `metadata.jsonl`, one JSON object a line, with
`file_name` (a path below the folder) instead of `audio`.
"""

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from vdx.bench.endpointing.turns import Part, Silence, Turn
from vdx.core.audio import LISTEN_RATE
from vdx.core.audio_decoder import AudioDecoder
from vdx.core.errors import InvalidInput, SetupError, UnknownName
from vdx.core.validation import Problem, check

METADATA: Final = "metadata.jsonl"
SHORTEST_SILENCE_S: Final = 0.1
"""Spans shorter than this are no silences, as in the public benchmark."""
ROWS_AT_ONCE: Final = 8


class _Span(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    start: float = Field(ge=0)
    end: float = Field(ge=0)


class _Audio(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    bytes: bytes


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(min_length=1)
    language: str = Field(min_length=1)
    silence_spans: list[_Span] = Field(min_length=1)
    audio: _Audio


def public_parts(folder: Path, language: str) -> list[Part]:
    """The files of a folder, each of which gives its turns in a language (empty: in any).

    Raises:
        UnknownName: the folder holds nothing in that layout.
        SetupError: it holds parquet files, and pyarrow is not installed.
        InvalidInput: a row is not what it must be; raised when its file is read.
    """
    parquet = sorted(folder.rglob("*.parquet"))
    if parquet and find_spec("pyarrow") is None:
        raise SetupError("parquet files are read with pyarrow: pip install 'vdx[bench]'")
    parts: list[Part] = [partial(_turns, _parquet_rows(file), file, language) for file in parquet]
    if (file := folder / METADATA).is_file():
        parts.append(partial(_turns, _json_rows(file), file, language))
    if not parts:
        raise UnknownName(f"there is no parquet file and no {METADATA} in {folder}", param="folder")
    return parts


def _parquet_rows(file: Path) -> Iterator[Mapping[str, Any]]:
    from pyarrow import parquet

    columns = ["id", "language", "audio", "silence_spans"]
    for batch in parquet.ParquetFile(file).iter_batches(ROWS_AT_ONCE, columns=columns):
        yield from batch.to_pylist()


def _json_rows(file: Path) -> Iterator[Mapping[str, Any]]:
    for line in file.read_text(encoding="utf-8").splitlines():
        row: dict[str, Any] = json.loads(line)
        audio = (file.parent / str(row.get("file_name", ""))).resolve()
        if not audio.is_relative_to(file.parent.resolve()) or not audio.is_file():
            raise InvalidInput(f"{file}: there is no file {row.get('file_name')!r}", param="folder")
        yield {**row, "audio": {"bytes": audio.read_bytes()}}


def _turns(rows: Iterable[Mapping[str, Any]], file: Path, language: str) -> Iterator[Turn]:
    for number, row in enumerate(rows, 1):
        found = check(_Row, row)
        if isinstance(found, Problem):
            told = f"{file}: row {number}: {found.key}: {found.reason}"
            raise InvalidInput(told, param="folder")
        if language in ("", found.language):
            yield _turn(found)


def _turn(row: _Row) -> Turn:
    with (
        io.BytesIO(row.audio.bytes) as file,
        closing(AudioDecoder(file, row.id, LISTEN_RATE)) as decoder,
    ):
        pieces = []
        while (piece := decoder.read()).size:
            pieces.append(piece)
    whole = np.concatenate([np.zeros(0, np.float32), *pieces])
    pcm = np.clip(whole * 32768, -32768, 32767).astype(np.int16)
    last = len(row.silence_spans) - 1
    silences = tuple(
        Silence(span.start * 1000, span.end * 1000, ends_turn=number == last)
        for number, span in enumerate(row.silence_spans)
        if number == last or span.end - span.start >= SHORTEST_SILENCE_S
    )
    return Turn(row.id, row.id, pcm, silences, row.language)
