"""Which models a request may name: any for an administrator, loaded or configured for a client."""

import asyncio

from vdx.app.profile_models import ProfileModels
from vdx.app.served_models import ServedModels
from vdx.core.config import Config
from vdx.core.errors import NotLoaded
from vdx.core.paths import locate
from vdx.dialog.profiles import SessionOptions
from vdx.serving.models import ModelInfo, ModelKind
from vdx.serving.speakers import require_speaker


class ModelAccess:
    """Resolves the names of models in requests, and loads what the request may load."""

    def __init__(self, config: Config, served: ServedModels, profiles: ProfileModels) -> None:
        self._config = config
        self._served = served
        self._profiles = profiles

    async def resolve(self, name: str, kind: ModelKind | None = None, language: str = "") -> str:
        """The full name of the model that `name` means, by default in the configured language.

        Raises:
            UnknownName: there is none.
        """
        return await self._served.resolve(name, kind, language or self._config.asr.first_language)

    async def load(self, name: str) -> ModelInfo:
        """Loads any model, for an administrator; raises as `ModelManager.ensure`."""
        return await self._served.ensure(await self.resolve(name))

    async def offered(self, name: str, kind: ModelKind | None, language: str = "") -> ModelInfo:
        """The model that a client names: one that is loaded, or that the configuration names.

        A client cannot have any other model loaded, because loaded models stay in memory. `name`
        is resolved as in `serving/model_names.py`, so the name of the answer may be longer.

        Raises:
            NotLoaded: it is in the repository and neither loaded nor configured.
            UnknownName, InvalidInput, TritonError: as `ModelManager.ensure`.
        """
        name = await self.resolve(name, kind, language)
        if (
            self._served.info(name) is None
            and name not in self._profiles.configured()
            and not await self._served.is_loaded(name)
        ):
            raise NotLoaded(
                f"model {name!r} is not loaded, and no profile has it; load it with "
                f"`vdx models load {name}` (POST /vdx/models/{name}/load)",
                param="model",
            )
        return await self._served.ensure(name, kind, language)

    async def require(self, options: SessionOptions) -> SessionOptions:
        """Loads the models that a client's session is to use; returns them with full names.

        Raises:
            NotLoaded, UnknownName, InvalidInput, TritonError: as `offered`; kind and language of
                each model are checked, and the speaker of the voice.
        """
        names, options = await self._load_each(options)
        if any(self._served.info(name) is None for name in names.values()):
            # One gave way to another session's, unleased yet, while the next was loaded.
            names, options = await self._load_each(options)
        return options.with_models(names)

    async def require_speaker(self, voice: ModelInfo, speaker: str) -> None:
        """Raises as `serving.speakers.require_speaker`, which reads files."""
        if speaker:
            await asyncio.to_thread(require_speaker, voice, speaker, locate())

    async def _load_each(self, options: SessionOptions) -> tuple[dict[str, str], SessionOptions]:
        """The full names, and the options with what the voice can be asked for."""
        names = {}
        for model, kind in options.models:
            # What follows the language of the person may begin with a voice of any.
            required = "" if options.follows_language else options.language
            info = await self.offered(model, kind, required)
            names[model] = info.name
            if kind == "tts":
                await self.require_speaker(info, options.speaker)
            if options.follows_language:  # some of its voices may read such words as written
                options = following(options, info)
            else:
                info.require_phonemes(options.words_in_phonemes, options.language)
        return names, options


def following(options: SessionOptions, info: ModelInfo) -> SessionOptions:
    """Options that follow the language of the person, as one of their models allows it.

    A voice that lacks the present language speaks in its own.

    Raises:
        InvalidInput: the model is a recogniser, and cannot detect the language.
    """
    if info.kind == "asr":
        info.require_detection()
    elif info.kind == "tts":
        speaks = info.speaks(options.language)
        return options.updated(voice_language=None if speaks else "")
    return options
