"""Voices that people made of a recording of theirs: voicepacks without a model of their own.

The recording lies in the voicepack and nowhere else, and goes when that is removed. A model that
takes the voice of a recording is given it where a request names the clone as its speaker.
"""

import io
import wave
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vdx.core.errors import InvalidInput, InvalidVoicepack, ModelFailed
from vdx.core.paths import Paths, locate
from vdx.serving.model_config import read_entry, read_repository
from vdx.serving.models import ModelInfo
from vdx.serving.speakers import kept_parts, needs_text, own_speakers
from vdx.serving.voicepacks.identify import plain_id
from vdx.serving.voicepacks.metadata import METADATA, Voicepack, read_metadata
from vdx.serving.voicepacks.store import VoicepackStore

REFERENCE = "reference.wav"
RATE = 24_000


@dataclass(frozen=True, slots=True)
class CloneOrder:
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
    """A recording, int16 mono at RATE, and what it says.

    `speaker` is what is left to say of the speaker: how it is to speak, behind a colon.
    """

    audio: bytes
    text: str
    speaker: str = ""


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


def add_clone(paths: Paths, order: CloneOrder, audio: bytes) -> tuple[str, Voicepack]:
    """Keeps a recording, int16 mono at RATE, as a voice; returns MODEL/ID and what is kept.

    Raises:
        InvalidInput: no model here can speak with it, the name is taken or a speaker's of a model,
            something of the order is missing or no model of its language is there.
        SetupError: the folder of vdx cannot be written to.
    """
    name = plain_id(order.name)
    if not name:
        raise InvalidInput(f"name {order.name!r} has no letter or digit of a-z, 0-9", param="name")
    if len(order.consent.strip()) < LEAST_CONSENT:
        raise InvalidInput(
            "consent is missing: a statement of whoever speaks in the recording, such as 'I, Jo "
            "Doe, agree that this server speaks with my voice.'",
            param="consent",
        )
    model = _model_for(paths, order)
    _require_own_name(paths, name)
    tree = {
        "id": name,
        "family": model.family,
        "languages": [order.language or model.languages[0]],
        "sample_rate": RATE,
        "cpu_ok": True,
        "expressive": False,
        "cloning": False,
        "lora": False,
        "licence": order.licence or "by consent, for this server",
        "source": "a recording",
        "part": "clone",
        "clone": {
            "text": order.text.strip(),
            "consent": order.consent.strip(),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    }
    pack = VoicepackStore(paths).add_written(tree, {REFERENCE: _wav(audio)})
    return f"{model.name}/{pack.id}", pack


LEAST_CONSENT = 10
"""Characters: a word is no statement."""


def _require_own_name(paths: Paths, name: str) -> None:
    """A clone comes before a model's own speaker of its name, whom callers would no longer get."""
    for model in cloning_models(paths).values():
        if name in own_speakers(model, paths):
            raise InvalidInput(
                f"{name!r} is a speaker of {model.name}; give the voice another name", param="name"
            )


def clones(paths: Paths) -> list[Voicepack]:
    """Every clone here, by id."""
    return [pack for pack in kept_parts(paths) if pack.part == "clone"]


def remove_clone(paths: Paths, name: str) -> str:
    """Removes a clone, named ID or MODEL/ID, with its recording; returns its id.

    Raises:
        UnknownName: there is nothing of that name.
        InvalidInput: it is no clone.
    """
    own = name.rpartition("/")[2]
    store = VoicepackStore(paths)
    entry = store.removable(own)
    # Where its metadata is broken, the recording has to go all the same.
    broken = entry.pack is None and (entry.folder / REFERENCE).exists()
    if not broken and (entry.pack is None or entry.pack.part != "clone"):
        raise InvalidInput(f"{own!r} is no voice of a recording", param="voice")
    store.remove(own)
    return own


def find_reference(model: str, speaker: str) -> Reference | None:
    """The recording that `speaker` of a model stands for; None where it is one of the model's own.

    To a model that takes words on how to speak it may be NAME:STYLE. A model that came after the
    clone may have a speaker of its name: that is whom it means.

    Reads files, each time: nothing of a recording that is deleted stays in memory.

    Raises InvalidVoicepack where its files cannot be read.
    """
    paths = locate()
    name, colon, style = speaker.partition(":")
    found = next(paths.voicepacks[0].glob(f"*/{_plain(name)}/{REFERENCE}"), None)
    if found is None:
        return None
    info = _entry(paths, model)
    if info is None or not info.can("zero_shot") or name in own_speakers(info, paths):
        return None
    if colon and not info.can("emotive_zero_prompt"):
        return None
    try:
        pack = read_metadata(found.parent)
        audio = _read(found)
    except (OSError, EOFError, wave.Error, InvalidVoicepack) as error:
        if not found.parent.is_dir():  # deleted at this moment
            return None
        raise InvalidVoicepack(
            f"the recording of the voice {name!r} cannot be read", param="voice"
        ) from error
    if pack.clone is None:
        return None
    return Reference(audio, pack.clone.text, f"{colon}{style}")


def _plain(speaker: str) -> str:
    """A name that means nothing to `glob`; one with such signs is no id, so nothing is found."""
    return speaker if plain_id(speaker) == speaker else METADATA


def _entry(paths: Paths, model: str) -> ModelInfo | None:
    for repository in paths.model_repositories:
        try:
            return read_entry(repository / model)
        except ModelFailed:
            continue
    return None


def _read(file: Path) -> bytes:
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


def _model_for(paths: Paths, order: CloneOrder) -> ModelInfo:
    models = cloning_models(paths)
    if not models:
        raise InvalidInput(
            "no voice here takes the voice of a recording; XTTS-v2, CosyVoice 2 and Sesame CSM do "
            "(docs/voices.md)",
            param="file",
        )
    speaks = [info for info in models.values() if not order.language or info.speaks(order.language)]
    if not speaks:
        raise InvalidInput(
            f"language {order.language!r}: {', '.join(models)} do not speak it", param="language"
        )
    fits = [info for info in speaks if order.text.strip() or not needs_text(info.family)]
    if not fits:
        raise InvalidInput(
            f"text is missing: {speaks[0].name} has to know what the recording says", param="text"
        )
    return fits[0]
