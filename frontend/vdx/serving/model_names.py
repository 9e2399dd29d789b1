"""Which model of a repository a name means: one rule for every command, setting and request.

An exact name wins. Else NAME stands for NAME-LANGUAGE or NAME.LANGUAGE ("pocketsphinx" for
"pocketsphinx-en", "whisper-base" for "whisper-base.en").
"""

from collections.abc import Collection, Iterable, Mapping

from vdx.core.errors import InvalidInput, UnknownName
from vdx.core.language_tags import primary_subtag
from vdx.core.names import unknown_name
from vdx.serving.models import KIND_NAMES, ModelInfo, ModelKind


def find_model(name: str, names: Collection[str], language: str) -> str | None:
    """The model that `name` means for `language` (BCP-47); None if there is none."""
    if name in names:
        return name
    return _of_language(name, names, language)


def unknown_model(
    name: str, kind: ModelKind | None, names: Iterable[str], known: Mapping[str, ModelInfo]
) -> UnknownName:
    """The error for a name that is no model's; `kind` is the kind that was wanted."""
    if kind is None:
        return unknown_name("model", name, names)
    other = {each for each in names if each in known and known[each].kind != kind}
    return unknown_name(KIND_NAMES[kind], name, set(names) - other, others=other, param="model")


def require_kind(info: ModelInfo, kind: ModelKind | None) -> None:
    """Raises InvalidInput if a model is not of the wanted kind."""
    if kind is not None and info.kind != kind:
        wanted, given = KIND_NAMES[kind], KIND_NAMES[info.kind]
        raise InvalidInput(f"model {info.name!r} is a {given}, not a {wanted}", param=wanted)


def _of_language(name: str, names: Collection[str], language: str) -> str | None:
    primary = primary_subtag(language)
    wanted = (f"{name}-{primary}", f"{name}.{primary}") if primary else ()
    return next((each for each in wanted if each in names), None)
