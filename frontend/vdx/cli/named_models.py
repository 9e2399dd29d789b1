"""Checks the models that a command names before it starts Triton."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from vdx.core.config import Config
    from vdx.serving.models import ModelInfo, ModelKind


def check_profiles(config: "Config", models: "Mapping[str, ModelInfo]") -> None:
    """Checks what the profiles and `models.preload` name; `models` are those on this machine.

    Raises:
        UnknownName: there is no such model; the message suggests the nearest name.
        InvalidInput: a model is of another kind.
    """
    from vdx.dialog.profiles import DEFAULT_PROFILE, resolve
    from vdx.serving.default_models import DefaultModels

    defaults = DefaultModels.of(config, models)
    for name in dict.fromkeys((DEFAULT_PROFILE, *config.profiles)):
        options = resolve(config, name, defaults)
        for model, kind in options.models:
            check_model(model, kind, options.language, models)
        if options.endpointer:
            check_model(options.endpointer, "endpointer", options.language, models)
    for model in config.models.preload:
        check_model(model, None, config.asr.language, models)


def check_model(
    name: str, kind: "ModelKind | None", language: str, models: "Mapping[str, ModelInfo]"
) -> None:
    """Checks one name; `language` may complete the name. Raises as `check_profiles`."""
    from vdx.serving.model_names import find_model, require_kind, unknown_model

    names: Collection[str] = models.keys()
    found = find_model(name, names, language)
    if found is None:
        raise unknown_model(name, kind, names, models)
    require_kind(models[found], kind)
