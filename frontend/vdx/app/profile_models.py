"""Which models the sessions of each profile start with: configured names in full, and defaults."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Protocol

from vdx.core.config import Config
from vdx.core.errors import ConfigError, InvalidInput
from vdx.core.voice_choice import VoiceChoice
from vdx.dialog.profiles import DEFAULT_PROFILE, SessionOptions, resolve
from vdx.serving.default_models import DefaultModels
from vdx.serving.models import ModelInfo, ModelKind
from vdx.speech.text.responder.window import check_instructions


class ModelNames(Protocol):
    """The part of `ServedModels` that is used here."""

    def info(self, name: str) -> ModelInfo | None: ...
    def current(self, name: str) -> str: ...
    def name_of(self, model: str) -> str: ...
    def keep(self, kept: Mapping[str, str]) -> None: ...
    async def names(self) -> Collection[str]: ...
    async def find(self, name: str, kind: ModelKind | None, language: str) -> str: ...


class ProfileModels:
    """The models of every profile. `find` is called once, before any other method."""

    def __init__(self, config: Config, models: ModelNames) -> None:
        self._config = config
        self._models = models
        self._defaults = DefaultModels.of(config)
        self._full_names: dict[tuple[str, str], str] = {}
        """(name in the configuration, language) -> full name, whatever version serves it now."""
        self._default_voice: VoiceChoice | None = None
        self._default_recogniser = ""
        self._default_endpointer = ""
        self._kept_too: Mapping[str, str] = {}

    @property
    def names(self) -> list[str]:
        """Every profile, the default one first."""
        return list(dict.fromkeys((DEFAULT_PROFILE, *self._config.profiles)))

    @property
    def recogniser(self) -> str:
        """The recogniser of new sessions of the default profile; empty where `asr` is off."""
        return self.options(DEFAULT_PROFILE).recogniser

    async def find(self) -> None:
        """Finds the full names of all configured models, in the language of each profile.

        Raises:
            UnknownName: a name that the repository does not hold.
            TritonError: Triton did not list its models.
        """
        config = self._config
        self._defaults = DefaultModels.of(config, await self._models.names())
        named: list[tuple[str, ModelKind | None, str]] = [
            (name, None, config.asr.language) for name in config.model_manager.preload_model_ids
        ]
        if default := config.model_manager.default_model_id:
            named.append((VoiceChoice.parse(default).model, "tts", config.asr.language))
        for profile in self.names:
            options = resolve(config, profile, self._defaults)
            every = (*options.models, *options.fallbacks)
            named += [(model, kind, options.language) for model, kind in every]
            if options.endpointer:
                named.append((options.endpointer, "endpointer", options.language))
        for name, kind, language in named:
            full_name = await self._models.find(name, kind, language)
            self._full_names[name, language] = full_name
        self._keep()

    def options(self, profile: str) -> SessionOptions:
        """The options a session of `profile` starts with; raises UnknownName."""
        options = resolve(self._config, profile, self._defaults)
        options = options.with_models(
            {
                name: self._full_name(name, options.language)
                for name, _ in (*options.models, *options.fallbacks)
            }
        )
        endpointer = self._full_name(options.endpointer, options.language)
        if endpointer and self._default_endpointer:
            endpointer = self._models.current(self._default_endpointer)
        options = options.updated(endpointer=endpointer)
        voice = self._default_voice
        if voice is not None:
            voice = replace(voice, model=self._models.current(voice.model))
        if voice is not None and self._speaks(voice.model, options.language):
            options = options.updated(voice_choice=voice)
        recogniser = self._models.current(self._default_recogniser)
        if recogniser and options.recogniser and self._speaks(recogniser, options.language):
            options = options.updated(recogniser=recogniser)
        return options

    def in_language(self, options: SessionOptions, language: str) -> SessionOptions:
        """`options` in another language, with its own models where they lack it.

        Raises:
            UnknownName: no recogniser here understands it.
        """
        voice, recogniser = options.voice_choice, options.recogniser
        if not self._speaks(voice.model, language):
            voice = VoiceChoice.parse(self._defaults.voice(language))
        if recogniser and not self._speaks(recogniser, language):
            recogniser = self._defaults.recogniser(language)
        endpointer = ""
        if recogniser:
            endpointer = self._defaults.endpointer(language, options.endpointing.model)
        return options.updated(
            language=language, voice_choice=voice, recogniser=recogniser, endpointer=endpointer
        )

    def set_default(self, info: ModelInfo, speaker: str) -> None:
        """Lets later sessions of every profile, if it has their language, start with a model.

        It is kept by its name, so that a later version of it takes its place here too.
        """
        name = self._models.name_of(info.name)
        if info.kind == "tts":
            self._default_voice = VoiceChoice(name, speaker)
        elif info.kind == "endpointer":
            self._default_endpointer = name
        else:
            self._default_recogniser = name
        self._keep()

    def clear_default(self, model: str) -> None:
        """Lets later sessions start with their profile's model again, if `model` replaced it."""
        now = self._models.current
        if self._default_voice is not None and now(self._default_voice.model) == model:
            self._default_voice = None
        if now(self._default_recogniser) == model:
            self._default_recogniser = ""
        if now(self._default_endpointer) == model:
            self._default_endpointer = ""
        self._keep()

    def keep_too(self, kept: Mapping[str, str]) -> None:
        """Has these kept beside what sessions start with; the values say why."""
        self._kept_too = kept
        self._keep()

    def _keep(self) -> None:
        """Has the manager keep what sessions start with: the default voice, and each profile's."""
        kept = dict.fromkeys(self.endpointers(), "an endpointer of the profiles")
        for profile in reversed(self.names):
            options = resolve(self._config, profile, self._defaults)
            own = {self._full_name(name, options.language) for name, _ in options.models}
            now = self.options(profile)
            own |= {name for name, _ in (*now.models, *now.fallbacks)}
            kept |= dict.fromkeys(own, f"profile {profile}")
        if default := self._config.model_manager.default_model_id:
            name = VoiceChoice.parse(default).model
            kept[self._full_name(name, self._config.asr.language)] = "the default voice"
        self._models.keep({**self._kept_too, **kept})

    def initial(self) -> list[str]:
        """The models that sessions of the profiles start with."""
        every = [self.options(profile) for profile in self.names]
        models = [model for options in every for model, _ in options.models if model]
        return list(dict.fromkeys(models))

    def configured(self) -> dict[str, ModelKind | None]:
        """Every model that the configuration names -> the kind it is used as."""
        return {**dict.fromkeys(self.preloaded()), **self.used()}

    def preloaded(self) -> list[str]:
        """What `model_manager.preload_model_ids` names."""
        language, names = self._config.asr.language, self._config.model_manager.preload_model_ids
        return [self._full_name(name, language) for name in names]

    def used(self) -> dict[str, ModelKind]:
        """Every model that a profile names, and the default voice -> the kind it is used as."""
        models: dict[str, ModelKind] = {}
        if default := self._config.model_manager.default_model_id:
            name = VoiceChoice.parse(default).model
            models[self._full_name(name, self._config.asr.language)] = "tts"
        for profile in self.names:
            options = self.options(profile)
            models |= dict((*options.fallbacks, *options.models))
        return models | dict.fromkeys(self.endpointers(), "endpointer")

    def endpointers(self) -> list[str]:
        """The endpointers of all profiles."""
        every = (self.options(profile).endpointer for profile in self.names)
        return list(dict.fromkeys(name for name in every if name))

    def check_models(self) -> None:
        """Raises ConfigError where a loaded model lacks what a profile that names it needs of it.

        That is its language, of a voice that it takes the phonemes of its pronunciation, and of a
        language model that its window has room for the instructions.
        """
        for profile in self.names:
            options = self.options(profile)
            try:
                check_instructions(options.responder, options.instructions)
            except ConfigError as error:
                raise ConfigError(f"profiles.{profile}: {error}") from error
            for model, _ in options.models:
                try:
                    if (info := self._models.info(model)) is not None:
                        info.require_language(options.language)
                        info.require_phonemes(options.words_in_phonemes, options.language)
                except InvalidInput as error:
                    raise ConfigError(f"profiles.{profile}: {error}") from error

    def _full_name(self, name: str, language: str) -> str:
        return self._models.current(self._full_names.get((name, language), name))

    def _speaks(self, model: str, language: str) -> bool:
        info = self._models.info(model)
        return info is not None and info.speaks(language)
