"""A voicepack's `metadata.yaml`: what a model is, where it comes from, and its files' digests."""

import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from vdx.core.errors import InvalidVoicepack
from vdx.core.language_tags import parse_tag
from vdx.core.names import nearest
from vdx.core.validation import MISSING_KEY, UNKNOWN_KEY, Problem, check
from vdx.core.yaml_input import parse_yaml
from vdx.serving.models import ModelKind
from vdx.serving.voicepacks.declared import declared_families

METADATA = "metadata.yaml"
LARGEST_METADATA = 256 * 1024

BUILT_IN: dict[str, ModelKind] = {
    "espeak": "tts",
    "moonshine": "asr",
    "piper": "tts",
    "pocketsphinx": "asr",
    "smart_turn": "endpointer",
    "speaker_embedding": "speaker",
    "transducer": "asr",
    "whisper": "asr",
}
"""Families that the frontend knows by itself, and what their models do."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def check_id(value: str) -> str:
    """An id is a folder's name, a model's name in Triton and a word on the command line."""
    if not _ID.fullmatch(value):
        raise ValueError("must be up to 100 of letters, digits and . _ + -, beginning with no sign")
    return value


def check_path(value: str) -> str:
    """A path that cannot leave the folder it is joined to."""
    path = PurePosixPath(value)
    plain = value.isprintable() and "\\" not in value and str(path) == value
    if not plain or path.is_absolute() or ".." in path.parts or value in {"", ".", METADATA}:
        raise ValueError(f"{value!r} is not the path of a file inside the voicepack")
    return value


def families() -> dict[str, ModelKind]:
    """Every family a voicepack may belong to."""
    return BUILT_IN | {name: family.kind for name, family in declared_families().items()}


def _check_family(value: str) -> str:
    if value not in families():
        raise ValueError(f"must be one of {', '.join(families())}")
    return value


def _check_language(value: str) -> str:
    if value != "*" and parse_tag(value) is None:
        raise ValueError(f"{value!r} is not a BCP-47 tag")
    return value


def _check_digest(value: str) -> str:
    if not _DIGEST.fullmatch(value):
        raise ValueError(f"{value!r} is not a sha256, 64 lower-case hexadecimal digits")
    return value


Language = Annotated[str, AfterValidator(_check_language)]
Line = Annotated[str, Field(min_length=1, max_length=500)]


class Clone(BaseModel):
    """Of a voice of a recording: what it says, who agreed to what, and when it was made."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    text: Annotated[str, Field(max_length=1000)]
    consent: Annotated[str, Field(min_length=1, max_length=2000)]
    made: Line


class Voicepack(BaseModel):
    """One `metadata.yaml`. `sample_rate` is the model's own, in Hz; languages are BCP-47 or '*'.

    `trusted`: whoever added it said that its files may run code when they are loaded.
    `part`: it has no model of its own; an adapter is a speaker of every model of its family,
    a clone of every model that takes the voice of a recording.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: Annotated[str, AfterValidator(check_id)]
    family: Annotated[str, AfterValidator(_check_family)]
    languages: Annotated[list[Language], Field(min_length=1, max_length=200)]
    sample_rate: int = Field(ge=8_000, le=48_000)
    cpu_ok: bool
    expressive: bool
    cloning: bool
    lora: bool
    licence: Line
    source: Line
    trusted: Literal[True] | None = None
    part: Literal["adapter", "clone"] | None = None
    clone: Clone | None = None
    files: dict[
        Annotated[str, AfterValidator(check_path)], Annotated[str, AfterValidator(_check_digest)]
    ] = Field(max_length=1000, description="path inside the voicepack -> sha256")

    @property
    def kind(self) -> ModelKind:
        return families()[self.family]

    @property
    def word_times(self) -> bool:
        """Whether the family tells when each word is said."""
        declared = declared_families().get(self.family)
        return declared is None or declared.word_times

    @property
    def sounds(self) -> tuple[str, ...]:
        """The tags that the family makes sounds of."""
        declared = declared_families().get(self.family)
        return declared.sounds if declared else ()

    def dump(self) -> str:
        """The text of the file."""
        return yaml.safe_dump(
            self.model_dump(exclude_none=True), sort_keys=False, allow_unicode=True
        )


def read_metadata(folder: Path) -> Voicepack:
    """The metadata of a voicepack's folder.

    Raises:
        InvalidVoicepack: it is missing, too large, no YAML, or says something it may not.
    """
    file = folder / METADATA
    try:
        with file.open("rb") as stream:
            raw = stream.read(LARGEST_METADATA + 1)
    except OSError as error:
        raise InvalidVoicepack(f"{file}: {error.strerror}") from error
    if len(raw) > LARGEST_METADATA:
        raise InvalidVoicepack(f"{file} is larger than {LARGEST_METADATA} bytes")
    try:
        tree = parse_yaml(raw)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidVoicepack(f"{file} is not YAML: {error}") from error
    if not isinstance(tree, dict):
        raise InvalidVoicepack(f"{file} must hold a mapping, not {type(tree).__name__}")
    return parse_metadata(tree, str(file))


def parse_metadata(tree: dict[Any, Any], where: str) -> Voicepack:
    """`tree` as a Voicepack; an InvalidVoicepack says what of it, found `where`, is wrong."""
    found = check(Voicepack, tree)
    if isinstance(found, Problem):
        raise InvalidVoicepack(f"{where}: {_explain(found)}", param=found.key)
    return found


def _explain(problem: Problem) -> str:
    key = problem.key
    if problem.kind == UNKNOWN_KEY:
        near = nearest(key, Voicepack.model_fields)
        return f"unknown key {key!r}" + (f"; did you mean {near!r}?" if near else "")
    if problem.kind == MISSING_KEY:
        return f"the key {key!r} is missing"
    return f"{key}: {problem.reason}, got {str(problem.given)[:100]!r}"
