"""What a model in Triton can do, read back from its configuration."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from vdx.core.errors import InvalidInput, ModelFailed
from vdx.core.language_names import AUTO
from vdx.core.language_tags import parse_tag, serves

ModelKind = Literal["tts", "asr", "endpointer", "speaker"]

CAPABILITIES = (
    "streaming",
    "zero_shot",
    "lora",
    "cpu_ok",
    "emotive_zero_prompt",
    "hears_user",
    "word_times",
    "calibrated_confidence",
    "punctuation",
    "prompts",
    "turn_marks",
    "language_detection",
    "translation",
)
HEARS_USER = "hears_user"
"""The capability of a voice that takes what the person said last."""
PHONEMES = "phonemes"
"""The capability of a voice that takes IPA between [[ and ]] in its TEXT."""
PHONEME_FAMILIES = frozenset({"espeak", "kokoro", "piper"})
"""Families that read text by way of IPA; whose models they are says their configuration."""
READ_OTHERWISE = frozenset({"ja", "zh"})
"""Languages that these families read without IPA."""
KIND_NAMES: dict[ModelKind, str] = {
    "tts": "voice",
    "asr": "recogniser",
    "endpointer": "endpointer",
    "speaker": "speaker model",
}
ASKED: frozenset[ModelKind] = frozenset({"endpointer", "speaker"})
"""Kinds that have one answer to each question."""
LANGUAGES_TOLD = 20
DETECTS = "whisper-base"
"""A recogniser of the hub that detects languages, for those who are told that theirs does not."""
WORDS_TOLD = 5
MOST_BATCHED = 256


@dataclass(frozen=True, slots=True)
class ModelState:
    """One line of Triton's repository index; `state` is READY, LOADING, UNLOADING, UNAVAILABLE."""

    name: str
    state: str
    reason: str = ""

    @property
    def ready(self) -> bool:
        return self.state == "READY"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A loaded model: family is its Triton backend, sample_rate its native one in Hz."""

    name: str
    kind: ModelKind
    family: str
    languages: tuple[str, ...]
    sample_rate: int
    capabilities: frozenset[str] = field(default_factory=frozenset)
    batch: int = 1
    """How many utterances of a recording it decodes as one batch."""
    sounds: frozenset[str] = frozenset()
    """Tags in a TEXT that a voice makes sounds of, such as [laughter]."""

    def can(self, capability: str) -> bool:
        if capability == PHONEMES:
            return self.family in PHONEME_FAMILIES
        return capability in self.capabilities

    def speaks(self, language: str) -> bool:
        """Whether a BCP-47 tag is served, by its primary subtag; '*' serves all."""
        return serves(self.languages, language)

    def language(self, wanted: str = "") -> str:
        """The language tag it uses for `wanted`; empty if it detects the language."""
        return wanted or (self.languages[0] if len(self.languages) == 1 else "").replace("*", "")

    def require_detection(self) -> None:
        """Raises InvalidInput if the model cannot find out which language it hears."""
        if not self.can("language_detection"):
            raise InvalidInput(
                f"recogniser {self.name!r} cannot detect the language, as {AUTO!r} asks for; "
                f"one that does: vdx voices pull {DETECTS}",
                param="language",
            )

    def require_translation(self) -> None:
        """Raises InvalidInput if the model cannot translate into English."""
        if not self.can("translation"):
            known = ", ".join(self.languages[:LANGUAGES_TOLD])
            raise InvalidInput(
                f"recogniser {self.name!r} ({known}) does not translate; one that does: "
                f"vdx voices pull {DETECTS}",
                param="model",
            )

    def takes_phonemes(self, language: str) -> bool:
        """Whether it is a voice that takes IPA in texts of this language."""
        return self.can(PHONEMES) and reads_ipa(language)

    def require_phonemes(self, words: Collection[str], language: str) -> None:
        """Raises InvalidInput if it is a voice without phonemes and words are given in them."""
        if words and self.kind == "tts" and not self.takes_phonemes(language):
            named, where = ", ".join(list(words)[:WORDS_TOLD]), language or "its language"
            raise InvalidInput(
                f"voice {self.name!r} ({self.family}) takes no IPA in {where}, "
                f"which the profile's pronunciation has for {named}; respell them, or choose "
                "another voice (of espeak, Piper or Kokoro)",
                param="voice",
            )

    def require_language(self, language: str) -> None:
        """Raises InvalidInput if the model lacks `language`; an empty one is allowed."""
        if language and not self.speaks(language):
            known = ", ".join(self.languages[:LANGUAGES_TOLD]) or "none"
            more = " and others" if len(self.languages) > LANGUAGES_TOLD else ""
            does = "speaks" if self.kind == "tts" else "understands"
            raise InvalidInput(
                f"{KIND_NAMES[self.kind]} {self.name!r} {does} {known}{more}, not {language!r}",
                param="language",
            )


def describe(name: str, family: str, parameters: Mapping[str, str]) -> ModelInfo:
    """Builds the description from a config's `parameters`.

    Raises:
        ModelFailed: a parameter that vdx needs is missing or wrong.
    """
    kind = _kind(parameters.get("kind", ""))
    if kind is None:
        kinds = ", ".join(KIND_NAMES)
        given = parameters.get("kind", "")
        raise ModelFailed(
            f"{name}: parameter kind must be one of {kinds}, got {given!r}", model=name
        )
    languages = tuple(tag.strip() for tag in parameters.get("languages", "").split(",") if tag)
    rate = parameters.get("sample_rate", "") or "0"
    if not rate.isdecimal():
        raise ModelFailed(f"{name}: parameter sample_rate must be Hz, got {rate!r}", model=name)
    batch = parameters.get("max_batch", "") or "1"
    if not (batch.isdecimal() and 1 <= int(batch) <= MOST_BATCHED):
        raise ModelFailed(f"{name}: parameter max_batch is {batch!r}", model=name)
    return ModelInfo(
        name=name,
        kind=kind,
        family=family,
        languages=languages,
        sample_rate=int(rate),
        capabilities=frozenset(c for c in CAPABILITIES if parameters.get(c) == "true"),
        batch=int(batch),
        sounds=frozenset(filter(None, map(str.strip, parameters.get("sounds", "").split(",")))),
    )


def reads_ipa(language: str) -> bool:
    """Whether voices that take phonemes take them in texts of this language."""
    tag = parse_tag(language)
    return tag is None or tag.language not in READ_OTHERWISE


def _kind(name: str) -> ModelKind | None:
    return next((kind for kind in KIND_NAMES if kind == name), None)
