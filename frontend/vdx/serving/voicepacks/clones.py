"""Voices that people made of a recording of theirs: voicepacks without a model of their own.

The recording lies in the voicepack and nowhere else, and goes when that is removed. A model that
takes the voice of a recording is given it where a request names the clone as its speaker.
"""

import io
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from vdx.core.errors import InvalidInput, ModelFailed
from vdx.core.paths import Paths, locate
from vdx.serving.model_config import read_entry, read_repository
from vdx.serving.models import ModelInfo
from vdx.serving.voicepacks.declared import declared_families
from vdx.serving.voicepacks.identify import plain_id
from vdx.serving.voicepacks.metadata import METADATA, Voicepack, read_metadata
from vdx.serving.voicepacks.store import VoicepackStore

REFERENCE = "reference.wav"
RATE = 24_000
KEPT = 16
"""Recordings in memory, 1.4 MB each at most."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person says of a recording of a voice; `text` is what is said in it.

    `consent` is the statement of whoever speaks in it that their voice may be used.
    """

    name: str
    text: str
    language: str
    consent: str
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """A recording, int16 mono at RATE, and what it says."""

    audio: bytes
    text: str


def cloning_models(paths: Paths) -> dict[str, ModelInfo]:
    """The models here that take the voice of a recording, by name."""
    found: dict[str, ModelInfo] = {}
    for repository in paths.model_repositories:
        found |= read_repository(repository)
    return {
        name: info
        for name, info in sorted(found.items())
        if info.kind == "tts" and info.can("zero_shot")
    }


def add_clone(paths: Paths, wish: Wish, audio: bytes) -> tuple[str, Voicepack]:
    """Keeps a recording, int16 mono at RATE, as a voice; returns MODEL/ID and what is kept.

    Raises:
        InvalidInput: no model here can speak with it, the name is taken, something of the wish is
            missing or no model of its language is there.
        SetupError: the folder of vdx cannot be written to.
    """
    name = plain_id(wish.name)
    if not name:
        raise InvalidInput(f"name {wish.name!r} has no letter or digit of a-z, 0-9", param="name")
    if len(wish.consent.strip()) < LEAST_CONSENT:
        raise InvalidInput(
            "consent is missing: a statement of whoever speaks in the recording, such as 'I, Jo "
            "Doe, agree that this server speaks with my voice.'",
            param="consent",
        )
    model = _model_for(paths, wish)
    tree = {
        "id": name,
        "family": model.family,
        "languages": [wish.language or model.languages[0]],
        "sample_rate": RATE,
        "cpu_ok": True,
        "expressive": False,
        "cloning": False,
        "lora": False,
        "licence": wish.licence or "by consent, for this server",
        "source": "a recording",
        "part": "clone",
        "clone": {
            "text": wish.text.strip(),
            "consent": wish.consent.strip(),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    }
    pack = VoicepackStore(paths).add_written(tree, {REFERENCE: _wav(audio)})
    return f"{model.name}/{pack.id}", pack


LEAST_CONSENT = 10
"""Characters: a word is no statement."""


def clones(paths: Paths) -> list[Voicepack]:
    """Every clone here, by id."""
    packs = [entry.pack for entry in VoicepackStore(paths).entries()]
    return [pack for pack in packs if pack is not None and pack.part == "clone"]


def remove_clone(paths: Paths, name: str) -> str:
    """Removes a clone, named ID or MODEL/ID, with its recording; returns its id.

    Raises:
        UnknownName: there is nothing of that name.
        InvalidInput: it is no clone.
    """
    own = name.rpartition("/")[2]
    store = VoicepackStore(paths)
    pack = store.removable(own).pack
    if pack is None or pack.part != "clone":
        raise InvalidInput(f"{own!r} is no voice of a recording", param="voice")
    store.remove(own)
    return own


def find_reference(model: str, speaker: str) -> Reference | None:
    """The recording that `speaker` of a model stands for; None where it is one of the model's own.

    Reads files.
    """
    paths = locate()
    folder = next((each for each in paths.voicepacks[0].glob(f"*/{_plain(speaker)}")), None)
    if folder is None or not (folder / REFERENCE).exists() or not _takes(paths, model):
        return None
    pack = read_metadata(folder)
    if pack.clone is None:
        return None
    changed = (folder / REFERENCE).stat().st_mtime_ns
    return Reference(_read(folder / REFERENCE, changed), pack.clone.text)


def _plain(speaker: str) -> str:
    """A name that means nothing to `glob`; one with such signs is no id, so nothing is found."""
    return speaker if plain_id(speaker) == speaker else METADATA


def _takes(paths: Paths, model: str) -> bool:
    for repository in paths.model_repositories:
        try:
            return read_entry(repository / model).can("zero_shot")
        except ModelFailed:
            continue
    return False


@lru_cache(maxsize=KEPT)
def _read(file: Path, _changed: int) -> bytes:
    with wave.open(str(file), "rb") as recording:
        return recording.readframes(recording.getnframes())


def _wav(audio: bytes) -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(RATE)
        recording.writeframes(audio)
    return made.getvalue()


def _model_for(paths: Paths, wish: Wish) -> ModelInfo:
    models = cloning_models(paths)
    if not models:
        raise InvalidInput(
            "no voice here takes the voice of a recording; XTTS-v2 and Sesame CSM do "
            "(docs/voices.md)",
            param="file",
        )
    speaks = [info for info in models.values() if not wish.language or info.speaks(wish.language)]
    if not speaks:
        raise InvalidInput(
            f"language {wish.language!r}: {', '.join(models)} do not speak it", param="language"
        )
    fits = [info for info in speaks if wish.text.strip() or not _needs_text(info.family)]
    if not fits:
        raise InvalidInput(
            f"text is missing: {speaks[0].name} has to know what the recording says", param="text"
        )
    return fits[0]


def _needs_text(family: str) -> bool:
    declared: Mapping[str, object] = declared_families()
    found = declared.get(family)
    return bool(getattr(found, "reference_text", False))
