"""Which voice speaks a language that a person has gone over to."""

from vdx.app.profile_models import ProfileModels
from vdx.app.served_models import ServedModels
from vdx.core.errors import VdxError
from vdx.core.language_tags import primary_subtag
from vdx.core.logs import logger
from vdx.core.voice_choice import VoiceChoice
from vdx.dialog.language_following import LanguageModels
from vdx.dialog.profiles import SessionOptions
from vdx.serving.default_models import LIGHT_VOICE
from vdx.serving.voicepacks.starters import catalogue_voice

log = logger(__name__)

MOST_TRIED = 3
"""Voices that are loaded one after the other where the first cannot be."""


class LanguageVoices:
    """Finds voices among the models that are served."""

    def __init__(self, profiles: ProfileModels, served: ServedModels) -> None:
        self._profiles = profiles
        self._served = served

    async def find(
        self, options: SessionOptions, language: str, before: VoiceChoice | None
    ) -> LanguageModels:
        """The voice for `language`, loaded, and the endpointer; never raises.

        `before` is the one that spoke it earlier in this session. The session's own and that of its
        profile go before any other; then the catalogue's, those that are loaded, those that are
        here, and espeak.
        """
        endpointer = self._profiles.endpointer_for(options, language)
        own = self._profiles.options(options.profile).voice_choice
        for choice in (options.voice_choice, before, own):
            info = self._served.info(choice.model) if choice is not None else None
            if choice is not None and info is not None and info.speaks(language):
                return LanguageModels(choice, endpointer)
        try:
            names = await self._candidates(language)
        except VdxError as error:
            log.warning("the voices could not be listed", error=error.for_log)
            names = []
        for name in names[:MOST_TRIED]:
            try:
                info = await self._served.ensure(name, "tts", language)
            except VdxError as error:
                log.warning("no voice for the language", voice=name, error=error.for_log)
            else:
                return LanguageModels(VoiceChoice(info.name), endpointer)
        return LanguageModels(None, endpointer)

    async def _candidates(self, language: str) -> list[str]:
        usual = catalogue_voice(primary_subtag(language))
        found = []
        for status in await self._served.statuses():
            info = status.info
            if info is None or info.kind != "tts" or not info.speaks(language):
                continue
            light = info.name == LIGHT_VOICE
            if "*" in info.languages and not light:
                continue  # voices for tests, which say no words
            found.append((light, info.name != usual, status.state != "READY", info.name))
        return [name for *_, name in sorted(found)]
