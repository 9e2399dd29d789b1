"""The tables of docs/realtime.md against the schema, the handlers and the official library."""

import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import openai.types.realtime as library
import pytest
from pydantic import BaseModel

from vdx.transports.realtime import schema
from vdx.transports.realtime.connection import HANDLERS

ROOT: Final = Path(__file__).parents[3]
PAGE: Final = (ROOT / "docs" / "realtime.md").read_text()
SOURCES: Final = "\n".join(
    path.read_text() for path in (ROOT / "frontend/vdx/transports/realtime").glob("*.py")
)
SHAPES: Final = {
    "Fields of the session": (schema.SessionUpdate,),
    "Fields of an item": (
        schema.NewItem,
        schema.NewCall,
        schema.NewCallOutput,
        *typing.get_args(schema.McpItem),
    ),
    "Fields of a response": (schema.ResponseCreate,),
}
WHOLE: Final = ("voice", "tools", "tool_choice")
"""Fields with one row for all that is in them."""


def rows(heading: str) -> dict[str, str]:
    """What a table says of each name in its first column, without its row of headings."""
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    found = re.findall(r"^\| `([^`]+)` \| (.+?) \|$", section, re.MULTILINE)
    assert found
    assert len(found) == len(dict(found)), "a name twice"
    return dict(found)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The shapes that a field may have."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif typing.get_origin(annotation) in (typing.Union, types.UnionType, list, typing.Annotated):
        for part in typing.get_args(annotation):
            yield from models_in(part)


def paths(prefix: str, shape: type[BaseModel]) -> Iterator[str]:
    for name, field in shape.model_fields.items():
        path = f"{prefix}{name}"
        inner = list(models_in(field.annotation))
        if not inner or path == "input" or name in WHOLE:
            yield path
        elif inner == [schema.ResponseAudio]:
            yield "audio.output.voice"
        else:
            found = dict.fromkeys(key for each in inner for key in paths(f"{path}.", each))
            yield from found
            if str in typing.get_args(field.annotation):
                yield path


def events_of(union: Any) -> set[str]:
    members = typing.get_args(typing.get_args(union)[0])
    return {typing.get_args(member.model_fields["type"].annotation)[0] for member in members}


@pytest.mark.parametrize("heading", SHAPES)
def test_every_field_of_the_schema_has_its_row(heading: str) -> None:
    assert set(rows(heading)) == {path for shape in SHAPES[heading] for path in paths("", shape)}


def test_every_event_of_a_client_has_its_row() -> None:
    told = rows("Events of the client")
    assert set(told) == set(HANDLERS) | events_of(library.RealtimeClientEvent)
    refused = {name for name, what in told.items() if what.startswith("refused")}
    assert refused == set(told) - set(HANDLERS)


def test_every_event_of_the_server_has_its_row() -> None:
    told = rows("Events of the server")
    assert set(told) == events_of(library.RealtimeServerEvent)
    never = {name for name, what in told.items() if what.startswith("never")}
    for name in told:
        parts = name.rsplit(".", 1)
        sent = f'"{name}"' in SOURCES or (
            "input_audio_transcription" in name and f'{{TRANSCRIPTION}}.{parts[1]}"' in SOURCES
        )
        sent = sent or f'"type":"{name}"' in SOURCES
        assert sent == (name not in never), name


def test_the_keys_of_the_official_library_are_taken() -> None:
    """Of the GA protocol; what vdx does with each is in the tables."""
    ours = set(schema.SessionUpdate.model_fields)
    assert set(library.RealtimeSessionCreateRequest.model_fields) <= ours
    assert set(library.RealtimeTranscriptionSessionCreateRequest.model_fields) <= ours
    taken = set(schema.ResponseCreate.model_fields)
    assert set(library.RealtimeResponseCreateParams.model_fields) <= taken
    assert set(library.AudioTranscription.model_fields) <= set(schema.Transcription.model_fields)
