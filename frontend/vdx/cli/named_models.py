"""Checks the models that a command names before it starts Triton."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from vdx.core.config import Config
    from vdx.core.voice_choice import VoiceChoice
    from vdx.serving.models import ModelInfo, ModelKind


def check_profiles(config: "Config", models: "Mapping[str, ModelInfo]") -> None:
    """Checks the names in the profiles and in `model_manager`; `models` are those here.

    Raises:
        UnknownName: there is no such model; the message suggests the nearest name.
        InvalidInput: a model is of another kind, or lacks the language of its profile.
    """
    from vdx.core.voice_choice import VoiceChoice
    from vdx.dialog.profiles import DEFAULT_PROFILE, resolve
    from vdx.serving.default_models import DefaultModels

    defaults = DefaultModels.of(config, models)
    for name in dict.fromkeys((DEFAULT_PROFILE, *config.profiles)):
        options = resolve(config, name, defaults)
        speaks = "" if options.follows_language else options.language
        for model, kind in options.models:
            info = check_model(model, kind, options.language, models, speaks=speaks)
            if options.follows_language and kind == "asr":
                info.require_detection()
        check_voice(options.voice_choice, options.language, models, speaks=speaks)
        for model, kind in options.fallbacks:
            check_model(model, kind, options.language, models)
        if options.endpointer:
            check_model(options.endpointer, "endpointer", options.language, models)
    if default := config.model_manager.default_model_id:
        check_voice(VoiceChoice.parse(default), config.asr.first_language, models)
    for model in config.model_manager.preload_model_ids:
        check_model(model, None, config.asr.first_language, models)


def check_voice(
    choice: "VoiceChoice", language: str, models: "Mapping[str, ModelInfo]", *, speaks: str = ""
) -> None:
    """Checks a voice and its speaker or style, as far as its files tell which it has.

    Raises as `check_profiles`.
    """
    from vdx.core.paths import locate
    from vdx.serving.speakers import require_speaker

    info = check_model(choice.model, "tts", language, models, speaks=speaks)
    require_speaker(info, choice.speaker, locate())


def check_model(
    name: str,
    kind: "ModelKind | None",
    language: str,
    models: "Mapping[str, ModelInfo]",
    *,
    speaks: str = "",
) -> "ModelInfo":
    """Checks one name; `language` may complete it, and the model must know `speaks`, where given.

    Raises as `check_profiles`.
    """
    from vdx.serving.model_names import find_model, require_kind, unknown_model

    names: Collection[str] = models.keys()
    found = find_model(name, names, language)
    if found is None:
        raise unknown_model(name, kind, names, models)
    require_kind(models[found], kind)
    models[found].require_language(speaks)
    return models[found]
