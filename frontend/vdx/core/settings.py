"""Fills the configuration tree: flags over environment over YAML file over defaults.

The file is `--config FILE`, else `$VDX_CONFIG`, else `vdx.yaml` in the working directory. A bad
value or an unknown key is a ConfigError that names key and value (and the nearest valid key).

pydantic-settings is not used, because every one of its sources would have to be replaced: it passes
over variables of unknown sections, reads lists in variables as JSON alone, names neither key nor
value of one that is not, and does not tell which source set a key.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from vdx.core.config import Config
from vdx.core.config.old_keys import REMOVED, RENAMED, RENAMED_VALUES
from vdx.core.errors import ConfigError
from vdx.core.masking import masked
from vdx.core.names import nearest
from vdx.core.validation import UNKNOWN_KEY, Problem, check, fields_at, model_of
from vdx.core.values import holds_secret
from vdx.core.yaml_input import parse_yaml

EVERY_KEY = "`vdx config` lists every key"
ENV_PREFIX = "VDX_"
ENV_RESERVED = frozenset({"VDX_HOME", "VDX_CONFIG", "VDX_API_KEY", "VDX_URL"})
"""Variables with the prefix that are not configuration keys."""

_KUBERNETES = (
    ("SERVICE_HOST", r"[0-9a-fA-F.:]+"),
    (r"SERVICE_PORT(_[A-Z0-9_]+)?", r"\d+"),
    (r"PORT(_\d+_(TCP|UDP|SCTP))?", r"(tcp|udp|sctp)://.+"),
    (r"PORT_\d+_(TCP|UDP|SCTP)_PROTO", r"tcp|udp|sctp"),
    (r"PORT_\d+_(TCP|UDP|SCTP)_PORT", r"\d+"),
    (r"PORT_\d+_(TCP|UDP|SCTP)_ADDR", r"[0-9a-fA-F.:]+"),
)
"""Ends of the names of the variables that Kubernetes sets in every container for a service called
`vdx` or `vdx-…`, and the form of their values."""

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """The effective tree and, for every leaf key, the source that set it."""

    config: Config
    origins: Mapping[str, str]
    ignored: tuple[str, ...] = ()
    """Variables with the prefix that Kubernetes set, not a user."""


def load(
    path: Path | None = None,
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Reads all sources; `flags` maps dotted keys to values, None meaning not given.

    Raises:
        ConfigError: a key or value no source may hold, or an unreadable file.
    """
    env = os.environ if environ is None else environ
    file = path or _default_file(env)
    layers: list[tuple[str, Tree]] = []
    if file is not None:
        layers.append((f"file {file}", _read_file(file)))
    layers.append(("environment", _from_environment(env)))
    layers.append(("flag", _from_flags(flags or {})))

    merged: Tree = {}
    origins: dict[str, str] = {}
    for name, tree in layers:
        _merge(merged, tree)
        origins.update({key: name for key, _ in _leaves(tree)})
    config = check(Config, merged)
    if isinstance(config, Problem):
        raise _explain(config)
    effective = {k: origins.get(k, "default") for k, _ in _leaves(_dump(config))}
    return Settings(config, effective, tuple(name for name in sorted(env) if _foreign(name, env)))


def _default_file(env: Mapping[str, str]) -> Path | None:
    if named := env.get("VDX_CONFIG"):
        return Path(named)
    here = Path("vdx.yaml")
    return here if here.exists() else None


def _read_file(path: Path) -> Tree:
    try:
        tree = parse_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"configuration file {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        # Its own message quotes the line, which may hold a key.
        raise ConfigError(f"configuration file {path} is not YAML{_place(error)}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        kind = type(tree).__name__
        raise ConfigError(f"configuration file {path} must hold a mapping, not a {kind}")
    return tree


def _place(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f": line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _from_environment(env: Mapping[str, str]) -> Tree:
    tree: Tree = {}
    for name in sorted(env):
        if _foreign(name, env):
            continue
        if name.startswith(ENV_PREFIX) and name not in ENV_RESERVED:
            keys = name[len(ENV_PREFIX) :].lower().split("__")
            if len(keys) == 1:
                raise ConfigError(
                    f"environment variable {name}: a configuration key has the form "
                    f"{ENV_PREFIX}SECTION__KEY"
                )
            try:
                _set(tree, keys, parse_value(keys, env[name]))
            except yaml.YAMLError:
                raise ConfigError(f"environment variable {name} is not a YAML value") from None
    return tree


def _foreign(name: str, env: Mapping[str, str]) -> bool:
    """Whether Kubernetes set a variable, such as `VDX_PORT=tcp://10.0.0.1:80`; it is no setting."""
    if not name.startswith(ENV_PREFIX) or "__" in name:
        return False
    service = r"([A-Z0-9_]+_)?"
    return any(
        re.fullmatch(f"{ENV_PREFIX}{service}{end}", name) and re.fullmatch(value, env[name])
        for end, value in _KUBERNETES
    )


def parse_value(path: list[str], text: str) -> Any:
    """What `text` means as the value of the setting at `path`.

    YAML gives numbers, booleans and lists their types, as the file would. A secret is taken as it
    is, unless it is a list or quoted: a key of digits is no number.

    Raises:
        yaml.YAMLError: it is not YAML.
    """
    is_literal = _is_secret(path) and not text.lstrip().startswith(("[", '"', "'"))
    return text if is_literal else parse_yaml(text)


def _from_flags(flags: Mapping[str, Any]) -> Tree:
    tree: Tree = {}
    for key, value in flags.items():
        if value is not None:
            _set(tree, key.split("."), value)
    return tree


def _set(tree: Tree, keys: list[str], value: object) -> None:
    for key in keys[:-1]:
        inner = tree.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"configuration key {key} has a value and keys of its own")
        tree = inner
    tree[keys[-1]] = value


def _merge(base: Tree, over: Tree) -> None:
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            _merge(base[key], value)
        else:
            base[key] = value


def _leaves(tree: Tree, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _dump(config: Config) -> Tree:
    return config.model_dump(mode="json")


def leaves(config: Config) -> list[tuple[str, Any]]:
    """Every effective (dotted key, value) in the order of the tree.

    Secrets are masked, and so are passwords in URLs.
    """
    return [(key, _shown(value)) for key, value in _leaves(_dump(config))]


def _shown(value: Any) -> Any:
    if isinstance(value, list):
        return [_shown(each) for each in value]
    return masked(value) if isinstance(value, str) else value


def _explain(problem: Problem) -> ConfigError:
    path, key = problem.path, problem.key
    in_profile = len(path) > 2 and path[0] == "profiles"
    profile = f"profiles.{path[1]}." if in_profile else ""
    plain = key.removeprefix(profile)
    if key in REMOVED:
        return ConfigError(f"configuration key {key} does not exist any more: {REMOVED[key]}")
    if problem.kind == UNKNOWN_KEY:
        if plain in RENAMED:
            return ConfigError(f"configuration key {key} is now called {profile}{RENAMED[plain]}")
        near = nearest(path[-1], fields_at(Config, path[:-1]))
        meant = f"did you mean {'.'.join([*path[:-1], near])}?" if near else EVERY_KEY
        return ConfigError(f"configuration key {key} does not exist; {meant}")
    if (plain, str(problem.given)) in RENAMED_VALUES:
        value = str(problem.given)
        new = RENAMED_VALUES[plain, value]
        return ConfigError(f"configuration key {key}: {value!r} is now called {new!r}")
    # The section of a secret is one too: what was meant for the key may stand in its place.
    given = "" if _is_secret(path) else f", got {_shown(problem.given)!r}"
    return ConfigError(f"configuration key {key}: {problem.reason}{given}")


def _is_secret(path: Sequence[str]) -> bool:
    """Whether the setting at a dotted path is a secret, or has one in it or above it."""
    model: type[BaseModel] = Config
    annotation: Any = Config
    for part in path:
        field = model.model_fields.get(part)
        if field is None:  # a name in `profiles`, or a place in a list
            continue
        annotation = field.annotation
        model = model_of(annotation) or model
    # A key is often written where its name or its variable's name is wanted.
    return holds_secret(annotation) or any("api_key" in part for part in path)
