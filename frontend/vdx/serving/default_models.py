"""The voice, the recogniser and the endpointer that are used where the configuration names none.

Of the catalogue of starters the first that is here and speaks or understands the language; else
the light engines that come with vdx: espeak, and pocketsphinx for English.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from vdx.core.config import Config
from vdx.core.errors import UnknownName
from vdx.core.language_names import NAMES
from vdx.core.language_tags import primary_subtag
from vdx.core.names import unknown_name
from vdx.serving.model_names import find_model
from vdx.serving.models import DETECTS
from vdx.serving.voicepacks.starters import (
    catalogue_endpointer,
    catalogue_recognisers,
    catalogue_voice,
)

LIGHT_VOICE = "espeak"
LIGHT_RECOGNISER = "pocketsphinx"
NO_ENDPOINTER = "none"


@dataclass(frozen=True, slots=True)
class DefaultModels:
    """`names` are the models that could be loaded; `named_*` what the configuration says.

    Without any names, nothing is known of the server yet, and the light engines are the answer.
    """

    names: frozenset[str] = frozenset()
    named_voice: str = ""
    named_recogniser: str = ""

    @classmethod
    def of(cls, config: Config, names: Iterable[str] = ()) -> "DefaultModels":
        """Those of a configuration where the models `names` are there."""
        voice = config.tts.voice or config.model_manager.default_model_id
        return cls(frozenset(names), voice, config.asr.model)

    def voice(self, language: str) -> str:
        """The voice (MODEL or MODEL/SPEAKER) for a language, a BCP-47 tag."""
        if self.named_voice:
            return self.named_voice
        wanted = catalogue_voice(primary_subtag(language))
        return wanted if wanted in self.names else LIGHT_VOICE

    def endpointer(self, language: str, named: str) -> str:
        """The endpointer for a language, a BCP-47 tag; empty: the words alone tell.

        `named` is what `endpointing.model` says.
        """
        if named == NO_ENDPOINTER:
            return ""
        wanted = named or catalogue_endpointer(primary_subtag(language))
        return wanted if named or wanted in self.names else ""

    def detector(self) -> str:
        """The recogniser where the language is detected, or English is wanted of any language.

        It is the first that is here and can do so.

        Raises:
            UnknownName: none that is here can; names what to fetch.
        """
        if self.named_recogniser:  # whether it can is said by whoever loads it
            return self.named_recogniser
        known = [each for each in catalogue_recognisers("en") if not each.endswith(".en")]
        found = next((each for each in known if each in self.names), None)
        if found or not self.names:
            return found or known[0]
        raise UnknownName(
            "no recogniser here detects the language, or translates; one that does: "
            f"vdx voices pull {DETECTS}",
            param="language",
        )

    def recogniser(self, language: str) -> str:
        """The recogniser for a language, a BCP-47 tag.

        Raises:
            UnknownName: none that is here understands it; names what to fetch. Or nothing does
                that vdx can fetch.
        """
        primary = primary_subtag(language)
        known = catalogue_recognisers(primary)
        if name := self.named_recogniser:
            found = find_model(name, self.names, language)
            other = any(each.startswith((f"{name}-", f"{name}.")) for each in self.names)
            if found or not other:  # a name that is none is told by whoever loads it
                return found or name
        else:
            light = f"{LIGHT_RECOGNISER}-{primary}"
            found = next((each for each in (*known, light) if each in self.names), None)
            if found or not self.names:
                return found or light
        if primary not in NAMES:
            raise unknown_name("recogniser for the language", primary, NAMES, param="language")
        raise UnknownName(
            f"no recogniser here understands {primary!r}; one that does: "
            f"vdx voices pull {known[0]}",
            param="language",
        )
