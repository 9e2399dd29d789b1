"""What can be pulled by a short name: Piper's voices by their catalogue, Whisper by its sizes."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from vdx.core.errors import HubError, InvalidInput
from vdx.core.json_input import parse_json
from vdx.core.names import unknown_name
from vdx.core.validation import validated
from vdx.serving.voicepacks.hub import Hub
from vdx.serving.voicepacks.identify import plain_id
from vdx.serving.voicepacks.model_files import Loose
from vdx.serving.voicepacks.released import released_recognisers
from vdx.serving.voicepacks.starters import DATA

PIPER_REPO = "rhasspy/piper-voices"
PIPER_CATALOGUE = "voices.json"

WHISPER_REPOS = {
    f"whisper-{size}": f"Systran/faster-whisper-{size}"
    for size in (
        "tiny",
        "tiny.en",
        "base",
        "base.en",
        "small",
        "small.en",
        "medium",
        "medium.en",
        "large-v1",
        "large-v2",
        "large-v3",
    )
} | {
    "distil-whisper-small.en": "Systran/faster-distil-whisper-small.en",
    "distil-whisper-medium.en": "Systran/faster-distil-whisper-medium.en",
    "distil-whisper-large-v2": "Systran/faster-distil-whisper-large-v2",
    "distil-whisper-large-v3": "Systran/faster-distil-whisper-large-v3",
    "whisper-large-v3-turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
}
"""Id -> repository of the CTranslate2 model; a name that ends in .en knows English alone."""


class _Language(Loose):
    code: str
    name_english: str = ""
    country_english: str = ""


class _File(Loose):
    size_bytes: int = Field(0, ge=0)


class PiperVoice(Loose):
    """One voice of the catalogue; `files` maps paths in the repository to sizes in bytes."""

    key: str
    language: _Language
    quality: str = ""
    num_speakers: int = 1
    files: dict[str, _File]
    aliases: list[str] = Field(default_factory=list)

    @property
    def model(self) -> str:
        """The path of the network in the repository; empty where the catalogue names none."""
        return next((path for path in self.files if path.endswith(".onnx")), "")

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(file.size_bytes for file in self.files.values())

    def matches(self, words: str) -> bool:
        """Whether every word is in the key, the language or the country."""
        language = self.language
        text = f"{self.key} {language.code} {language.name_english} {language.country_english}"
        return all(word in text.casefold() for word in words.casefold().split())


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look up on the hub; `only` is a file of the repository."""

    repo: str
    only: str = ""
    revision: str = ""
    id: str = ""


def piper_voices(hub: Hub) -> list[PiperVoice]:
    """The hub's catalogue, by key; raises HubError."""
    with tempfile.TemporaryDirectory() as folder:
        raw = hub.small_file(PIPER_REPO, PIPER_CATALOGUE, Path(folder))
    return _parsed(raw)


def bundled_piper_voices() -> list[PiperVoice]:
    """The catalogue of August 2023 that comes with vdx, for machines that do not reach the hub."""
    return _parsed((DATA / "hub_catalogue.json").read_bytes())


def _parsed(raw: bytes) -> list[PiperVoice]:
    try:
        tree = parse_json(raw, PIPER_CATALOGUE, max_values=None)
        voices = [validated(PiperVoice, {**entry, "key": key}, key) for key, entry in tree.items()]
    except (InvalidInput, AttributeError, TypeError) as error:
        raise HubError(
            f"{PIPER_REPO}/{PIPER_CATALOGUE} is no catalogue of voices: {error}", retryable=False
        ) from error
    return sorted((voice for voice in voices if voice.model), key=lambda voice: voice.key)


def find(hub: Hub, name: str) -> Wanted:
    """What `name` means: a Whisper size, a Piper voice, or OWNER/REPOSITORY[@REVISION][:FILE].

    Raises:
        UnknownName: no voice or size is called that; names the nearest.
        HubError: the catalogue could not be fetched.
    """
    if "/" in name.partition(":")[0]:
        address, _, only = name.partition(":")
        repo, _, revision = address.partition("@")
        return Wanted(repo, only, revision)
    sizes = {known.casefold(): known for known in WHISPER_REPOS}
    if (size := sizes.get(name.casefold())) is not None:
        return Wanted(WHISPER_REPOS[size], id=size)
    voices = piper_voices(hub)
    for voice in voices:
        if name in (voice.key, *voice.aliases):
            return Wanted(PIPER_REPO, voice.model, id=plain_id(voice.key))
    known = [voice.key for voice in voices]
    released = [each.id for each in released_recognisers()]
    every = [*WHISPER_REPOS, *released, *known]
    raise unknown_name("voice or recogniser", name, every, param="name")
