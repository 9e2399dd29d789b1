"""What a session does when its model died or was unloaded: waits for the reload, or changes voice.

A recogniser is only waited for; no other one takes its place.
"""

from vdx.app.profile_models import ProfileModels
from vdx.core.errors import ModelTimeout, ModelUnavailable, TritonUnavailable, VdxError
from vdx.core.logs import logger
from vdx.core.voice_choice import VoiceChoice
from vdx.dialog.profiles import SessionOptions
from vdx.serving.manager import ModelManager
from vdx.speech.output.tts import Voice

log = logger(__name__)

FALLBACK_AFTER_S = 2.0
"""How long a voice that died is waited for before another one speaks."""
RECOVERY_S = 30.0
"""How long a model that is loaded again is waited for where there is no fallback; one that cannot
be loaded is waited for no longer. A busy machine takes 20 s for a large voice."""
RECOGNISER_RECOVERY_S = 10.0
"""How long a recogniser is: after that the user is told, and can say it again."""


class Failover:
    """Finds the model that a clause or an utterance goes on with after a failure."""

    def __init__(self, manager: ModelManager, profiles: ProfileModels) -> None:
        self._manager = manager
        self._profiles = profiles

    async def recover_voice(self, voice: Voice, error: VdxError, failures: int) -> Voice | None:
        """The same voice if it is loaded again soon, else another one of its language, or None.

        One that was unloaded is not waited for: another voice speaks the rest. `failures` counts
        the failures of this clause; a voice that died of it before does not get it again.
        """
        if voice.model not in self._manager.wanted and isinstance(error, ModelUnavailable):
            return self._fallback(voice)
        if not await self._may_recover(voice.model, error):
            return None
        again = failures > 1
        if not again and await self._manager.recovery.restored(voice.model, FALLBACK_AFTER_S):
            return voice
        if (other := self._fallback(voice)) is not None or again:
            return other
        restored = await self._manager.recovery.restored(voice.model, RECOVERY_S)
        return voice if restored else None

    async def recover_recogniser(self, options: SessionOptions, error: VdxError) -> bool:
        """Whether the recogniser of a session is loaded again within `RECOGNISER_RECOVERY_S`."""
        if not await self._may_recover(options.recogniser, error):
            return False
        return await self._manager.recovery.restored(options.recogniser, RECOGNISER_RECOVERY_S)

    async def _may_recover(self, model: str, error: VdxError) -> bool:
        """Whether a model that failed is loaded again; one that was unloaded is not."""
        if model not in self._manager.wanted:
            return False
        if isinstance(error, ModelTimeout):  # it is busy, or its process died and nothing said so
            await self._manager.recovery.restored(model, FALLBACK_AFTER_S)
            return self._manager.recovery.died_within(model, RECOVERY_S)
        return isinstance(error, ModelUnavailable | TritonUnavailable)

    def _fallback(self, voice: Voice) -> Voice | None:
        """A loaded voice that answers probes and speaks the language of `voice`.

        That of its profile, else that of the default one, else any.
        """
        manager = self._manager
        failed = manager.info(voice.model)
        language = voice.language or (failed.language() if failed is not None else "")
        named = [self._profiles.options("").voice_choice]
        if voice.fallback is not None:
            named.insert(0, voice.fallback)
        for choice in (*named, *map(VoiceChoice, sorted(manager.wanted))):
            info = manager.info(choice.model)
            if info is None or choice.model == voice.model or info.kind != "tts":
                continue
            fits = info.speaks(language) if language else "*" in info.languages
            if fits and manager.recovery.answers(choice.model):
                log.warning("fallback voice used", voice=voice.model, fallback=choice.model)
                return Voice(choice.model, language, choice.speaker, voice.speed, style=voice.style)
        return None
